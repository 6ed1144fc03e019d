// Answers that are not merged: every row with the endpoint that gave it, fetched while scrolling.

import { element, visible } from "../console/visible.js";
import { fetchJson } from "./requests.js";
import { cell, count, fittingWidths, isNumber } from "./values.js";

/* global Slick */

const AHEAD = 60;
const OPTIONS = { rowHeight: 30, enableCellNavigation: false, enableColumnReorder: false, enableTextSelectionOnCells: true, enableHtmlRendering: false };

export class EndpointRows {
  // `say(text)` shows a notice in the place of rows.
  constructor(place, page, { say }) {
    Object.assign(this, { place, page, say });
    this.items = [];
    this.named = "";
    this.generation = 0;
    this.slick = new Slick.SlickGrid(place, this.items, this.columns(), OPTIONS);
    this.slick.init();
    this.slick.onScroll.subscribe(() => this.look());
    new ResizeObserver(() => this.slick.resizeCanvas()).observe(place);
  }

  columns() {
    const { columns } = this.page;
    const widths = fittingWidths(columns, columns.map((_, index) => index), this.items.slice(0, 100).map(({ values }) => values), this.place.clientWidth - 290);
    const endpoint = { id: "endpoint", name: "Endpoint", width: 190, minWidth: 90, formatter: (_row, _cell, _value, _column, item) => this.endpointOf(item) };
    const times = { id: "count", name: "Count", width: 76, minWidth: 60, cssClass: "q-cell-number", headerCssClass: "is-number", formatter: (_row, _cell, _value, _column, item) => count(item.count) };
    return [endpoint, times, ...columns.map(({ label, type }, index) => ({ id: `c${index}`, name: label, width: widths[index], minWidth: 60, cssClass: isNumber(type) ? "q-cell-number" : "", headerCssClass: isNumber(type) ? "is-number" : "", formatter: (_row, _cell, _value, _column, item) => cell(item.values[index], type) }))];
  }

  endpointOf({ id, name }) {
    const label = visible(name);
    return this.page.shows_endpoints ? element("a", { class: "v-link", href: `/endpoints/endpoint/${id}/change/`, text: label }) : element("span", { text: label });
  }

  // Show only endpoints whose names contain this.
  find(named) {
    this.named = named;
    this.restart();
  }

  // Rows may have changed: begin anew, unless somebody reads further below.
  refresh() {
    if (this.slick.getViewport().top <= 0) this.restart();
  }

  async restart() {
    this.generation += 1;
    this.isFetching = false;
    this.next = "";
    this.isWhole = false;
    await this.more();
  }

  async more() {
    if (this.isFetching || this.isWhole) return;
    this.isFetching = true;
    const { generation } = this;
    try {
      const query = new URLSearchParams({ after: this.next, named: this.named });
      const { rows, next } = await fetchJson(`${this.page.url}endpoint-rows/?${query}`);
      if (generation !== this.generation) return;
      const isFirst = this.next === "";
      if (isFirst) this.items.length = 0;
      this.items.push(...rows.map(([id, name, times, values]) => ({ id, name, count: times, values })));
      this.next = next;
      this.isWhole = next === "";
      if (isFirst) this.slick.setColumns(this.columns());
      this.slick.updateRowCount();
      this.slick.invalidate();
      this.say(this.items.length > 0 ? "" : this.named ? "No endpoint of this name has given a row." : "No endpoint has given a row yet.");
    } catch (error) {
      if (generation === this.generation) this.say(error.message);
    } finally {
      if (generation === this.generation) this.isFetching = false;
    }
    this.slick.resizeCanvas();
    this.look();
  }

  look() {
    if (this.items.length > 0 && this.slick.getViewport().bottom + AHEAD >= this.items.length) this.more();
  }
}
