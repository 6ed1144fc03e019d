// The filter above one column of the grid: an operator of the column's type, and a value.

import { element } from "../console/visible.js";
import { later } from "./requests.js";

const FILTER_AFTER = 300;
const SIGNS = {
  containing: "∋",
  "not containing": "∌",
  is: "=",
  "is not": "≠",
  "starting with": "a…",
  "not starting with": "¬a…",
  "ending with": "…z",
  "not ending with": "¬…z",
  matching: ".*",
  "not matching": "¬.*",
  "greater than": ">",
  "not greater than": "≯",
  "less than": "<",
  "not less than": "≮",
  "at least": "≥",
  "not at least": "≱",
  "at most": "≤",
  "not at most": "≰",
  "in cidr": "⊂",
  "not in cidr": "⊄",
  "is empty": "∅",
  "is not empty": "≠∅",
};
const FIRST = { integer: "is", decimal: "is", boolean: "is", bytes: "at least", seconds: "at least" };

export class ColumnFilter {
  // `changed()` is called when another filter is wanted.
  constructor(column, index, withoutValue, changed) {
    Object.assign(this, { column, index, withoutValue });
    this.start = column.operators.includes(FIRST[column.type]) ? FIRST[column.type] : column.operators[0];
    this.operator = this.start;
    this.value = "";
    this.changed = later(changed, FILTER_AFTER);
  }

  get needsNoValue() {
    return this.withoutValue.has(this.operator);
  }

  get isOn() {
    return this.needsNoValue || this.value !== "";
  }

  get json() {
    return { column: this.index, operator: this.operator, value: this.needsNoValue ? "" : this.value };
  }

  clear() {
    this.operator = this.start;
    this.value = "";
    this.show();
  }

  // Draw it into a cell of the grid's header.
  draw(place) {
    const { label } = this.column;
    this.choice = element("select", { "aria-label": `How ${label} is compared`, title: this.operator }, ...this.column.operators.map((name) => element("option", { value: name, text: `${SIGNS[name] ?? ""}  ${name}` })));
    this.field = element("input", { "aria-label": `Filter ${label}`, autocomplete: "off", spellcheck: "false" });
    this.box = element("div", { class: "q-column-filter" }, this.choice, this.field);
    this.choice.addEventListener("change", () => {
      this.operator = this.choice.value;
      this.show();
      if (this.isOn || this.needsNoValue) this.changed.now();
      if (!this.needsNoValue) this.field.focus();
    });
    this.field.addEventListener("input", () => {
      this.value = this.field.value.trim();
      this.complain(null);
      this.show({ keepsField: true });
      this.changed();
    });
    // Keys are the field's own here, not the grid's.
    this.box.addEventListener("keydown", (event) => {
      if (event.key === "Enter") this.changed.now();
      if (event.key !== "Escape") event.stopPropagation();
    });
    place.replaceChildren(this.box);
    this.show();
  }

  show({ keepsField = false } = {}) {
    if (!this.box) return;
    this.choice.value = this.operator;
    this.choice.title = `${this.column.label} ${this.operator}`;
    // Closed, the choice has room for a sign only; open, each has its words, too.
    for (const option of this.choice.options) option.text = option.value === this.operator ? SIGNS[option.value] ?? option.value : `${SIGNS[option.value] ?? ""}  ${option.value}`;
    this.field.disabled = this.needsNoValue;
    this.field.placeholder = this.needsNoValue ? this.operator : "";
    if (!keepsField) this.field.value = this.value;
    this.box.classList.toggle("is-on", this.isOn);
  }

  complain(message) {
    this.box?.classList.toggle("is-wrong", Boolean(message));
    if (this.field) this.field.title = message ?? "";
  }
}
