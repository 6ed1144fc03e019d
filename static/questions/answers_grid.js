// The grid of merged answers: SlickGrid over a window of rows, with filters above the columns.

import { element } from "../console/visible.js";
import { AnswerRows } from "./answer_rows.js";
import { ColumnFilter } from "./column_filter.js";
import { cell, count, fittingWidths, isNumber } from "./values.js";

/* global Slick */

const LOOK_DELAY = 60;
const MARGIN = 40;
const COUNT = "count";
const MOST_COPIED = 10_000;
const SAMPLE = 100;

const OPTIONS = {
  rowHeight: 30,
  headerRowHeight: 34,
  showHeaderRow: true,
  explicitInitialization: true,
  enableCellNavigation: false,
  enableColumnReorder: false,
  enableTextSelectionOnCells: true,
  // Every formatter returns nodes; text that is not one stays text.
  enableHtmlRendering: false,
  multiColumnSort: true,
  forceFitColumns: false,
};

export class AnswersGrid {
  // `load(view)` fetches a window; `opened(item)` a row was chosen to be looked at; `changed()` the
  // view, the number of rows or what is chosen changed; `failed(error, filters)`.
  constructor(place, page, { load, opened, changed, failed }) {
    Object.assign(this, { place, page, opened, changed, failed });
    this.search = "";
    this.sort = [];
    this.groupBy = new Set();
    this.hidden = new Set();
    this.chosen = new Map();
    this.current = null;
    this.anchor = null;
    this.sample = [];
    this.filters = page.columns.map((column, index) => new ColumnFilter(column, index, new Set(page.without_value), () => this.restart()));
    this.rows = new AnswerRows({
      load: (window) => load({ ...this.view, ...window }),
      arrived: (first, last) => this.draw(first, last),
      counted: () => this.recount(),
      failed: (error) => failed(error),
    });
    this.make();
  }

  // What is shown, as the console and its exports take it.
  get view() {
    return {
      filters: this.filters.filter((filter) => filter.isOn).map((filter) => filter.json),
      search: this.search,
      sort: this.sort,
      group_by: [...this.groupBy].sort((a, b) => a - b),
    };
  }

  get visibleColumns() {
    return this.page.columns.map((_, index) => index).filter((index) => !this.hidden.has(index) && (this.groupBy.size === 0 || this.groupBy.has(index)));
  }

  get isNarrowed() {
    return this.search !== "" || this.filters.some((filter) => filter.isOn);
  }

  get isAtTop() {
    return this.slick.getViewport().top <= 0;
  }

  make() {
    const source = {
      getLength: () => this.rows.total,
      getItem: (row) => this.rows.get(row) ?? {},
      getItemMetadata: (row) => this.styleOf(this.rows.get(row)),
    };
    this.slick = new Slick.SlickGrid(this.place, source, this.slickColumns(), OPTIONS);
    this.slick.onHeaderRowCellRendered.subscribe((_event, { node, column }) => this.filters[column.index]?.draw(node));
    this.slick.onSort.subscribe((_event, { sortCols }) => this.sortBy(sortCols));
    this.slick.onClick.subscribe((event, { row }) => this.clicked(row, event));
    this.slick.onScroll.subscribe(() => this.lookSoon());
    this.slick.init();
    this.followHeads();
    new ResizeObserver(() => this.fit()).observe(this.place);
    this.rows.want(0, MARGIN);
  }

  // Whoever tabs into a filter that is out of sight scrolls the heads: the rows follow.
  followHeads() {
    const viewport = this.place.querySelector(".slick-viewport");
    for (const head of this.place.querySelectorAll(".slick-header, .slick-headerrow")) {
      head.addEventListener("scroll", () => {
        if (head.scrollLeft !== viewport.scrollLeft) viewport.scrollLeft = head.scrollLeft;
      });
    }
  }

  slickColumns() {
    const times = {
      id: COUNT, name: "Count", field: COUNT, width: 76, minWidth: 60, sortable: true, index: -1,
      cssClass: "q-cell-number", headerCssClass: "is-number", toolTip: "How often endpoints gave this row",
      formatter: (_row, _cell, _value, _column, item) => (item.values ? count(item.count) : "…"),
    };
    const shownColumns = this.visibleColumns;
    const widths = fittingWidths(this.page.columns, shownColumns, this.sample, this.place.clientWidth - times.width - 18);
    return [times, ...shownColumns.map((index, at) => this.slickColumn(index, widths[at]))];
  }

  slickColumn(index, width) {
    const { label, type } = this.page.columns[index];
    return {
      id: `c${index}`, name: label, width, minWidth: 60, sortable: true, index,
      cssClass: isNumber(type) ? "q-cell-number" : "", headerCssClass: isNumber(type) ? "is-number" : "", toolTip: this.page.columns[index].sensor,
      formatter: (_row, _cell, _value, _column, item) => (item.values ? cell(item.values[index], type) : "…"),
    };
  }

  styleOf(item) {
    if (!item) return null;
    const classes = [item.id === this.current ? "is-current" : "", this.chosen.has(item.id) ? "is-chosen" : ""].filter(Boolean);
    return classes.length > 0 ? { cssClasses: classes.join(" ") } : null;
  }

  // ---------------------------------------------------------------- what is shown

  // Begin at the top with another filter, search, order or grouping.
  restart() {
    this.chosen.clear();
    this.current = null;
    this.anchor = null;
    this.rows.reset();
    this.slick.scrollRowToTop(0);
    this.slick.updateRowCount();
    this.slick.invalidate();
    this.rows.want(0, MARGIN);
    this.changed();
  }

  // Rows may have changed on the console: look again at what is shown.
  refresh() {
    this.rows.age();
    this.look();
  }

  setSearch(text) {
    this.search = text;
    this.restart();
  }

  clearFilters() {
    for (const filter of this.filters) filter.clear();
    this.search = "";
    this.restart();
  }

  setColumns({ hidden = this.hidden, groupBy = this.groupBy }) {
    const regroups = [...groupBy].join() !== [...this.groupBy].join();
    this.hidden = hidden;
    this.groupBy = groupBy;
    // Of what is grouped, the other columns have no single value.
    if (regroups && groupBy.size > 0) this.sort = this.sort.filter((each) => each.column === null || groupBy.has(each.column));
    this.slick.setColumns(this.slickColumns());
    for (const part of this.place.querySelectorAll(".slick-viewport, .slick-header, .slick-headerrow")) part.scrollLeft = 0;
    this.showSort();
    if (regroups) this.restart();
    else this.changed();
  }

  sortBy(columns) {
    this.sort = columns.map(({ sortCol, sortAsc }) => ({ column: sortCol.index < 0 ? null : sortCol.index, descending: !sortAsc }));
    this.restart();
  }

  showSort() {
    this.slick.setSortColumns(this.sort.map(({ column, descending }) => ({ columnId: column === null ? COUNT : `c${column}`, sortAsc: !descending })));
  }

  recount() {
    this.slick.updateRowCount();
    this.slick.render();
    this.changed();
  }

  draw(first, last) {
    this.measure();
    const rows = [];
    for (let row = first; row <= Math.min(last, this.rows.total - 1); row += 1) rows.push(row);
    this.slick.invalidateRows(rows);
    this.slick.render();
  }

  fit() {
    const { clientWidth: width } = this.place;
    this.slick.resizeCanvas();
    // Drawn anew, the heads would take the focus from who types there.
    if (width > 0 && width !== this.fittedWidth && !this.place.querySelector(".slick-headerrow :focus")) {
      this.fittedWidth = width;
      this.slick.setColumns(this.slickColumns());
      this.showSort();
    }
    this.lookSoon();
  }

  // Once, when the first rows are here: columns as wide as what stands in them.
  measure() {
    if (this.sample.length > 0 || this.rows.total === 0) return;
    for (let row = 0; row < SAMPLE && this.rows.get(row); row += 1) this.sample.push(this.rows.get(row).values);
    this.slick.setColumns(this.slickColumns());
    this.showSort();
  }

  lookSoon() {
    // While somebody drags the scrollbar through a million rows, only where it rests is asked for.
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.look(), LOOK_DELAY);
  }

  look() {
    const { top, bottom } = this.slick.getViewport();
    this.rows.want(top - MARGIN, bottom + MARGIN);
  }

  // ---------------------------------------------------------------- one row, and chosen ones

  get currentRow() {
    if (this.current === null) return -1;
    const { top, bottom } = this.slick.getViewport();
    for (let row = Math.max(0, top - 200); row <= bottom + 200; row += 1) {
      if (this.rows.get(row)?.id === this.current) return row;
    }
    return -1;
  }

  async clicked(row, event) {
    const item = this.rows.get(row);
    if (!item) return;
    if (event.shiftKey && this.anchor !== null) await this.chooseRange(Math.min(this.anchor, row), Math.max(this.anchor, row));
    else if (event.ctrlKey || event.metaKey) this.toggle(row);
    else {
      this.anchor = row;
      this.chosen.clear();
      this.chosen.set(item.id, item);
      this.setCurrent(row);
      this.opened(item);
    }
    window.getSelection()?.removeAllRanges();
    this.slick.invalidate();
    this.changed();
  }

  toggle(row) {
    const item = this.rows.get(row);
    if (!item) return;
    if (this.chosen.has(item.id)) this.chosen.delete(item.id);
    else this.chosen.set(item.id, item);
    this.anchor = row;
    this.slick.invalidate();
    this.changed();
  }

  async chooseRange(first, last) {
    const end = Math.min(last, first + MOST_COPIED - 1);
    await this.rows.fetchAll(first, end);
    for (let row = first; row <= end; row += 1) {
      const item = this.rows.get(row);
      if (item) this.chosen.set(item.id, item);
    }
    this.slick.invalidate();
    this.changed();
  }

  chooseAll() {
    return this.chooseRange(0, this.rows.total - 1);
  }

  setCurrent(row) {
    this.current = this.rows.get(row)?.id ?? null;
    if (row >= 0) this.slick.scrollRowIntoView(row, false);
    this.slick.invalidate();
  }

  // The next or previous row; returns its item.
  move(step) {
    if (this.rows.total === 0) return null;
    const from = this.currentRow;
    const row = from < 0 ? this.slick.getViewport().top : Math.min(this.rows.total - 1, Math.max(0, from + step));
    this.slick.scrollRowIntoView(row, false);
    this.setCurrent(row);
    this.anchor = row;
    return this.rows.get(row) ?? null;
  }

  leaveRow() {
    this.current = null;
    this.chosen.clear();
    this.slick.invalidate();
    this.changed();
  }

  // The chosen rows as text parted by tabs, with a head.
  get copied() {
    const columns = this.visibleColumns;
    const line = (values) => values.map((value) => String(value).replace(/[\t\r\n]+/g, " ")).join("\t");
    const head = line(["Count", ...columns.map((index) => this.page.columns[index].label)]);
    return [head, ...[...this.chosen.values()].map((item) => line([item.count, ...columns.map((index) => item.values[index])]))].join("\n");
  }

  // The menu of columns: which are shown, and by which rows are joined.
  drawMenu(place) {
    const box = (label, checked, act) => {
      const field = element("input", { type: "checkbox", "aria-label": label, checked });
      field.addEventListener("change", () => act(field.checked));
      return field;
    };
    const with_ = (set, index, isIn) => new Set(isIn ? [...set, index] : [...set].filter((each) => each !== index));
    const lines = this.page.columns.map(({ label }, index) =>
      element(
        "tr",
        {},
        element("td", { text: label }),
        element("td", {}, box(`Show ${label}`, !this.hidden.has(index), (isOn) => this.setColumns({ hidden: with_(this.hidden, index, !isOn) }))),
        element("td", {}, box(`Group by ${label}`, this.groupBy.has(index), (isOn) => this.setColumns({ groupBy: with_(this.groupBy, index, isOn) }))),
      ),
    );
    place.replaceChildren(element("table", {}, element("thead", {}, element("tr", {}, element("th", { text: "Column" }), element("th", { text: "Show" }), element("th", { text: "Group by" }))), element("tbody", {}, ...lines)));
  }
}
