// The search bar: rows of property, condition and value joined by AND, or the same as text, and
// quick filters by kind. What it runs is one expression of the Signal language.

import { element, visible } from "../console/visible.js";
import { needsValue, readRows, writeTerm } from "./expression.js";

const START = { property: "process.command_line", condition: "contains", value: "" };
const byId = (id) => document.getElementById(id);

export class SearchBar {
  // `run()` when the user wants the search to begin.
  constructor({ properties, kinds, run }) {
    this.properties = new Map(properties.map((property) => [property.name, property]));
    this.run = run;
    this.isText = false;
    this.kinds = new Map(kinds.map((name) => [name, { name, isOn: false }]));
    this.conditions = byId("conditions");
    this.text = byId("expression");
    this.showKinds();
    this.listen();
    this.set("");
  }

  listen() {
    byId("search").addEventListener("submit", (event) => {
      event.preventDefault();
      this.run();
    });
    byId("add-condition").addEventListener("click", () => this.addRow(START).querySelector("input").focus());
    byId("mode-rows").addEventListener("click", () => this.showRows());
    byId("mode-text").addEventListener("click", () => this.showText());
    byId("clear-search").addEventListener("click", () => {
      for (const kind of this.kinds.values()) kind.isOn = false;
      this.showKinds();
      this.set("");
      this.run();
    });
    this.text.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      this.run();
    });
  }

  // The expression as written, without the quick filters.
  get written() {
    return this.isText ? this.text.value.trim() : this.textOfRows();
  }

  // What the endpoint is asked: an expression, and the kinds of event to leave (none: all).
  get question() {
    const kinds = [...this.kinds.values()].filter((kind) => kind.isOn);
    return { expression: this.written, kinds: kinds.map((kind) => kind.name) };
  }

  // Show an expression: as rows where it fits into them.
  set(expression) {
    const rows = readRows(expression);
    const fits = rows?.every((row) => this.properties.get(row.property)?.conditions.includes(row.condition));
    this.text.value = expression;
    this.conditions.replaceChildren();
    for (const row of fits && rows.length > 0 ? rows : [START]) this.addRow(row);
    this.show(!fits);
    this.complain(null);
  }

  // Say what is wrong, with the place; `null` when nothing is.
  complain(problem) {
    const place = byId("search-error");
    place.hidden = !problem;
    this.text.toggleAttribute("aria-invalid", Boolean(problem));
    if (!problem) return;
    const where = problem.line ? `Line ${problem.line}, column ${problem.column}: ` : "";
    const expected = problem.expected?.length ? `; expected ${problem.expected.slice(0, 8).join(", ")}` : "";
    place.textContent = visible(where + problem.reason + expected);
    if (!problem.line) return;
    if (!this.isText) this.showText();
    this.select(problem.line, Math.max(1, problem.column));
  }

  select(line, column) {
    const before = this.text.value.split("\n").slice(0, line - 1).reduce((sum, part) => sum + part.length + 1, 0);
    const at = Math.min(before + column - 1, this.text.value.length);
    this.text.focus();
    this.text.setSelectionRange(at, Math.min(at + 1, this.text.value.length));
  }

  showText() {
    if (!this.isText) this.text.value = this.textOfRows();
    this.show(true);
    this.text.focus();
  }

  showRows() {
    const rows = readRows(this.text.value);
    if (this.isText && rows === null) {
      this.complain({ reason: "Only conditions joined by AND fit into rows: this one stays text." });
      return;
    }
    if (this.isText) this.set(this.text.value.trim());
    else this.show(false);
  }

  show(isText) {
    this.isText = isText;
    this.text.hidden = !isText;
    byId("builder").hidden = isText;
    for (const [id, isOn] of [["mode-text", isText], ["mode-rows", !isText]]) {
      byId(id).classList.toggle("is-on", isOn);
      byId(id).setAttribute("aria-pressed", isOn);
    }
    this.markSearchField();
  }

  // "/" goes to the field that is in sight.
  markSearchField() {
    for (const field of document.querySelectorAll("[data-search]")) field.removeAttribute("data-search");
    const field = this.isText ? this.text : this.conditions.querySelector("input");
    field?.setAttribute("data-search", "");
  }

  textOfRows() {
    return [...this.conditions.children]
      .map((row) => writeTerm(this.readRow(row), this.properties.get(row.querySelector("[data-property]").value)?.type))
      .filter((term) => term !== "")
      .join(" AND ");
  }

  readRow(row) {
    const read = (name) => row.querySelector(`[data-${name}]`).value;
    return { property: read("property"), condition: read("condition"), value: read("value") };
  }

  addRow({ property, condition, value }) {
    const names = [...this.properties.keys()].map((name) => element("option", { value: name, text: name }));
    const properties = element("select", { class: "v-input live-slim", "data-property": "", "aria-label": "Property" }, ...names);
    const conditions = element("select", { class: "v-input live-slim", "data-condition": "", "aria-label": "Condition" });
    const field = element("input", { class: "v-input v-mono live-slim", "data-value": "", "aria-label": "Value", placeholder: "value", autocomplete: "off", autocapitalize: "off", spellcheck: "false" });
    const remove = element("button", { type: "button", class: "v-button live-slim", "aria-label": "Remove this condition", title: "Remove", text: "×" });
    const row = element("div", { class: "live-condition", "data-row": "" }, element("span", { class: "live-and", text: "AND" }), properties, conditions, field, remove);
    const fill = (chosen) => {
      const known = this.properties.get(properties.value);
      conditions.replaceChildren(...known.conditions.map((text) => element("option", { value: text, text })));
      conditions.value = known.conditions.includes(chosen) ? chosen : known.conditions[0];
      properties.title = known.sentence;
      field.hidden = !needsValue(conditions.value);
    };
    properties.value = property;
    fill(condition);
    field.value = value;
    properties.addEventListener("change", () => fill(conditions.value));
    conditions.addEventListener("change", () => (field.hidden = !needsValue(conditions.value)));
    remove.addEventListener("click", () => {
      row.remove();
      if (this.conditions.children.length === 0) this.addRow(START);
      this.markSearchField();
    });
    this.conditions.append(row);
    this.markSearchField();
    return row;
  }

  showKinds() {
    const chips = [...this.kinds.values()].map((kind) => {
      const chip = element("button", { type: "button", class: `live-filter${kind.isOn ? " is-on" : ""}`, "aria-pressed": String(kind.isOn), "data-kind": kind.name, text: kind.name });
      chip.addEventListener("click", () => {
        kind.isOn = !kind.isOn;
        this.showKinds();
        this.run();
        document.querySelector(`[data-kind="${kind.name}"]`).focus();
      });
      return chip;
    });
    byId("kinds").replaceChildren(...chips);
  }
}
