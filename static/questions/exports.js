// The menu of exports: the console makes the file, the page shows how far it is and fetches it.

import { element } from "../console/visible.js";
import { fetchJson } from "./requests.js";
import { count } from "./values.js";

const FORMATS = [
  ["csv", "CSV", "for spreadsheets and scripts"],
  ["jsonl", "JSON Lines", "one object a row"],
  ["xlsx", "Excel", "one sheet, with typed cells"],
  ["parquet", "Parquet", "columns with types, for analysis"],
];
const LOOK_EVERY = 700;

export class Exports {
  // `view()` is what is exported; `canUnmerge` when its rows may be those of each endpoint, too.
  constructor({ menu, list, label, page, view, canUnmerge = true }) {
    Object.assign(this, { menu, list, label, page, view, canUnmerge });
    this.merged = true;
    this.draw();
  }

  draw(...above) {
    const items = FORMATS.map(([format, title, help]) => {
      const item = element("button", { type: "button", class: "q-menu-item", "data-format": format }, title, element("small", { text: help }));
      item.addEventListener("click", () => this.start(format));
      return item;
    });
    const merged = element("input", { type: "checkbox", checked: !this.merged });
    merged.addEventListener("change", () => (this.merged = !merged.checked));
    const unmerge = this.canUnmerge ? element("label", { class: "v-row q-menu-item" }, merged, "Each endpoint's rows, not merged") : null;
    this.list.replaceChildren(...above, ...items, ...(unmerge ? [unmerge] : []));
  }

  async start(format) {
    try {
      const view = { ...this.view(), merged: this.merged };
      // Rows of endpoints stand by host name, whatever the grid is ordered by.
      if (!this.merged) Object.assign(view, { sort: [], group_by: [] });
      this.follow(await fetchJson(this.page.exports_url, { body: { format, view } }));
    } catch (error) {
      this.fail(reasonsOf(error));
    }
  }

  follow(made) {
    this.export = made;
    if (["done", "failed", "cancelled"].includes(made.state)) {
      this.end(made);
      return;
    }
    const done = made.rows_total > 0 ? `${count(made.rows_done)} of ${count(made.rows_total)} rows` : "preparing";
    this.label.textContent = `Exporting: ${done}`;
    const cancel = element("button", { type: "button", class: "v-button q-slim", text: "Cancel the export" });
    cancel.addEventListener("click", () => this.cancel());
    this.list.replaceChildren(element("p", { class: "v-help q-menu-item", text: done }), element("p", { class: "q-menu-item" }, cancel));
    setTimeout(() => this.look(made.id), LOOK_EVERY);
  }

  async look(id) {
    if (this.export?.id !== id) return;
    try {
      this.follow(await fetchJson(`${this.page.exports_url}${id}/`));
    } catch (error) {
      this.fail(error.message);
    }
  }

  async cancel() {
    try {
      this.follow(await fetchJson(`${this.page.exports_url}${this.export.id}/cancel/`, { body: {} }));
    } catch (error) {
      this.fail(error.message);
    }
  }

  end(made) {
    this.export = null;
    this.label.textContent = "Export";
    if (made.state === "failed") this.fail(made.error || "The export failed.");
    else if (made.state === "cancelled") this.draw();
    else {
      const link = element("a", { class: "q-menu-item v-link", href: made.download_url, download: "", text: `Download ${made.file_name ?? "the file"}` });
      this.draw(link);
      link.click();
    }
  }

  fail(message) {
    this.export = null;
    this.label.textContent = "Export failed";
    this.draw(element("p", { class: "v-error q-menu-item", role: "alert", text: message }));
    this.menu.open = true;
  }
}

// What was refused, with the reasons of each field.
function reasonsOf(error) {
  const reasons = Object.values(error.problem?.errors ?? {}).flat();
  return [error.message, ...reasons].join(" ");
}
