// The grid: SlickGrid over a window of rows. It shows what `rows` has and says where it looks.

import { element, visible } from "../console/visible.js";
import { describe, kindOf, showTime } from "./describe.js";

/* global Slick */

const NARROW = 620;
const WIDE = 1050;
const VERY_WIDE = 1500;
const LOOK_DELAY = 70;
const MARGIN = 40;

const OPTIONS = {
  rowHeight: 30,
  headerRowHeight: 30,
  enableCellNavigation: false,
  enableColumnReorder: false,
  enableTextSelectionOnCells: true,
  // Every formatter returns nodes; text that is not one stays text.
  enableHtmlRendering: false,
  forceFitColumns: true,
};

export class Grid {
  // `chosen(row)` when a row is clicked; `looked()` when the window moved.
  constructor(place, rows, { chosen, looked }) {
    this.place = place;
    this.rows = rows;
    this.looked = looked;
    this.isLocal = false;
    this.currentRank = null;
    this.columns = this.makeColumns();
    const source = {
      getLength: () => rows.through,
      getItem: (row) => rows.get(row) ?? {},
      getItemMetadata: (row) => (this.isCurrent(row) ? { cssClasses: "is-current" } : null),
    };
    this.slick = new Slick.SlickGrid(place, source, this.fittingColumns(), OPTIONS);
    this.slick.init();
    this.slick.onClick.subscribe((_event, { row }) => chosen(row));
    this.slick.onScroll.subscribe(() => this.lookSoon());
    new ResizeObserver(() => this.fit()).observe(place);
  }

  makeColumns() {
    const cell = (read, { mono = false } = {}) => (_row, _cell, _value, _column, item) => {
      const { text, title } = item.event ? read(item.event) : { text: item.gone ? "no longer stored" : "…" };
      const shown = visible(text);
      return element("span", { text: shown, title: visible(title ?? text) || null, class: mono ? "live-mono" : null });
    };
    const kind = (event) => element("span", { class: `v-chip live-kind is-${event.kind}`, text: kindOf(event) });
    const time = cell((event) => ({
      text: showTime(event.time, { isLocal: this.isLocal }),
      title: `${showTime(event.time, { isLocal: this.isLocal, withDate: true })} ${this.isLocal ? "local time" : "UTC"}`,
    }));
    const what = cell((event) => ({ text: describe(event) }), { mono: true });
    const own = (name) => (event) => event.process?.[name] ?? "";
    return {
      time: { id: "time", name: "Time", width: 112, minWidth: 112, maxWidth: 130, formatter: time },
      kind: {
        id: "kind", name: "Event", width: 152, minWidth: 148, maxWidth: 200,
        formatter: (_row, _cell, _value, _column, item) => (item.event ? kind(item.event) : ""),
      },
      process: { id: "process", name: "Process", width: 130, minWidth: 80, formatter: cell((event) => ({ text: own("name")(event) || own("path")(event), title: own("path")(event) })) },
      pid: { id: "pid", name: "PID", width: 74, minWidth: 60, maxWidth: 100, cssClass: "live-number", formatter: cell((event) => ({ text: event.process?.pid >= 0 ? event.process.pid : "" })) },
      user: { id: "user", name: "User", width: 90, minWidth: 60, formatter: cell((event) => ({ text: own("user")(event) })) },
      what: { id: "what", name: "What", width: 520, minWidth: 160, formatter: what },
      parent: { id: "parent", name: "Parent", width: 190, minWidth: 90, formatter: cell((event) => ({ text: own("parent_path")(event), title: own("parent_command_line")(event) })) },
      cwd: { id: "cwd", name: "Working directory", width: 170, minWidth: 90, formatter: cell((event) => ({ text: own("cwd")(event) })) },
      both: {
        id: "both", name: "What", width: 240, minWidth: 160,
        formatter: (row, cellNumber, value, column, item) =>
          item.event
            ? element("span", {}, kind(item.event), " ", what(row, cellNumber, value, column, item))
            : what(row, cellNumber, value, column, item),
      },
    };
  }

  // The columns that a person can read at this width.
  fittingColumns() {
    const width = this.place.clientWidth;
    this.breadth = [NARROW, WIDE, VERY_WIDE].filter((limit) => width >= limit).length;
    const names = [
      ["time", "both"],
      ["time", "kind", "process", "what"],
      ["time", "kind", "process", "pid", "user", "what", "parent"],
      ["time", "kind", "process", "pid", "user", "what", "parent", "cwd"],
    ][this.breadth];
    return names.map((name) => this.columns[name]);
  }

  fit() {
    const before = this.breadth;
    const columns = this.fittingColumns();
    if (this.breadth !== before) this.slick.setColumns(columns);
    this.slick.resizeCanvas();
    this.slick.autosizeColumns();
    this.lookSoon();
  }

  get isAtTop() {
    return this.slick.getViewport().top <= 0;
  }

  get top() {
    return this.slick.getViewport().top;
  }

  lookSoon() {
    // While somebody drags the scrollbar through a million rows, only where it rests is asked for.
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      this.look();
      this.looked();
    }, LOOK_DELAY);
  }

  look() {
    const { top, bottom } = this.slick.getViewport();
    if (this.rows.through > 0) this.rows.want(top - MARGIN, bottom + MARGIN);
  }

  // The number of rows changed, or where they stand.
  refresh() {
    this.slick.updateRowCount();
    this.slick.invalidate();
    this.lookSoon();
  }

  draw(rows) {
    this.slick.invalidateRows(rows.filter((row) => row >= 0 && row < this.rows.through));
    this.slick.render();
  }

  scrollTo(row) {
    this.slick.scrollRowToTop(Math.max(0, row));
  }

  isCurrent(row) {
    return this.currentRank !== null && this.rows.rankOf(row) === this.currentRank;
  }

  get currentRow() {
    return this.currentRank === null ? -1 : this.rows.rowOf(this.currentRank);
  }

  // Mark a row and bring it into view; -1 marks none.
  setCurrent(row) {
    const before = this.currentRow;
    this.currentRank = row < 0 ? null : this.rows.rankOf(row);
    this.draw([before, row]);
    if (row >= 0) this.slick.scrollRowIntoView(row, false);
  }

  setLocalTime(isLocal) {
    this.isLocal = isLocal;
    this.slick.invalidate();
  }
}
