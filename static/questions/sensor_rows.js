// Rows of the editor of sensors that can be added, removed and moved: columns and parameters.

import { element } from "../console/visible.js";

const options = (pairs, chosen) => pairs.map(([value, text]) => element("option", { value, text, selected: value === chosen }));

const lines = (text) => text.split("\n").map((line) => line.trim()).filter(Boolean);

// "Only since" becomes only_since.
const keyFrom = (title) => title.toLowerCase().normalize("NFKD").replace(/[^a-z0-9]+/g, "_").replace(/^[^a-z]+|_+$/g, "").slice(0, 64);

export const variableOf = (key) => `VEDETTE_${key.toUpperCase().replace(/[^A-Z0-9_]/g, "_")}`;

const errorOf = (path) => element("span", { class: "v-error", "data-error": path, role: "alert" });

function field(title, input, path, help) {
  return element("label", { class: "v-field" }, element("span", { class: "v-help", text: title }), input, help ? element("span", { class: "v-help", text: help }) : null, errorOf(path));
}

// A list of objects, drawn as rows. `draw(item, path)` gives what a row consists of.
class Rows {
  constructor(noun, { list, items, types, changed }) {
    Object.assign(this, { noun, list, items, types, changed });
    this.show();
  }

  add(item) {
    this.items.push(item);
    this.show();
    this.changed();
    this.list.lastElementChild?.querySelector("input")?.focus();
  }

  replace(items) {
    this.items.splice(0, this.items.length, ...items);
    this.show();
    this.changed();
  }

  move(from, to) {
    this.items.splice(to, 0, ...this.items.splice(from, 1));
    this.show();
    this.changed();
  }

  remove(number) {
    this.items.splice(number, 1);
    this.show();
    this.changed();
    (this.list.children[Math.min(number, this.items.length - 1)] ?? this.list.parentElement).querySelector("input, button")?.focus();
  }

  show() {
    this.list.replaceChildren(...this.items.map((item, number) => element("li", { class: "s-row" }, this.draw(item, `${this.list.id}.${number}`), this.buttons(number))));
  }

  buttons(number) {
    const button = (icon, title, act, disabled = false) => {
      const made = element("button", { type: "button", class: "q-remove", title, "aria-label": `${title}: ${this.noun} ${number + 1}`, disabled }, element("span", { class: "material-symbols-outlined", "aria-hidden": "true", text: icon }));
      made.addEventListener("click", act);
      return made;
    };
    return element(
      "div",
      { class: "s-row-buttons" },
      button("arrow_upward", "Move up", () => this.move(number, number - 1), number === 0),
      button("arrow_downward", "Move down", () => this.move(number, number + 1), number === this.items.length - 1),
      button("close", "Remove", () => this.remove(number)),
    );
  }
}

export class ColumnRows extends Rows {
  constructor(parts) {
    super("column", parts);
  }

  draw(column, path) {
    const name = element("input", { class: "v-input", value: column.name, maxlength: 200, autocomplete: "off" });
    name.addEventListener("input", () => {
      column.name = name.value;
      this.changed();
    });
    const type = element("select", { class: "v-input" }, ...options(this.types, column.type));
    type.addEventListener("change", () => {
      column.type = type.value;
      this.changed();
    });
    return element("div", { class: "s-column" }, field("Name", name, `${path}.name`), field("Type", type, `${path}.type`));
  }
}

export class ParameterRows extends Rows {
  constructor(parts) {
    super("parameter", parts);
  }

  draw(parameter, path) {
    const text = (property, attributes = {}) => {
      const input = element("input", { class: "v-input", value: parameter[property] ?? "", autocomplete: "off", ...attributes });
      input.addEventListener("input", () => {
        parameter[property] = input.value;
        this.changed();
      });
      return input;
    };
    const key = text("key", { class: "v-input v-mono", maxlength: 64, spellcheck: "false" });
    const title = text("title", { maxlength: 200 });
    // The key follows the title until somebody writes one.
    let follows = parameter.key === keyFrom(parameter.title);
    key.addEventListener("input", () => (follows = false));
    title.addEventListener("input", () => {
      if (!follows) return;
      key.value = parameter.key = keyFrom(title.value);
      this.changed();
    });
    return element(
      "div",
      { class: "s-parameter" },
      field("Title", title, `${path}.title`),
      field("Key", key, `${path}.key`),
      field("Type", this.typeOf(parameter), `${path}.type`),
      this.defaultOf(parameter, path),
      element("div", { class: "s-help" }, field("Help: what it is for, and what it accepts", text("help", { maxlength: 2000 }), `${path}.help`)),
      parameter.type === "choice" ? field("Choices, one a line", this.linesOf(parameter, "choices"), `${path}.choices`) : null,
    );
  }

  typeOf(parameter) {
    const type = element("select", { class: "v-input" }, ...options(this.types, parameter.type));
    type.addEventListener("change", () => {
      parameter.type = type.value;
      const number = this.items.indexOf(parameter);
      this.show();
      this.list.children[number].querySelector("select").focus();
      this.changed();
    });
    return type;
  }

  defaultOf(parameter, path) {
    const input = element("input", { class: "v-input", value: parameter.default ?? "", autocomplete: "off", disabled: parameter.default === null });
    const needed = element("input", { type: "checkbox", checked: parameter.default === null });
    const set = () => {
      input.disabled = needed.checked;
      parameter.default = needed.checked ? null : input.value;
      this.changed();
    };
    input.addEventListener("input", set);
    needed.addEventListener("change", set);
    return element("div", { class: "s-default" }, field("Default", input, `${path}.default`), element("label", { class: "v-row" }, needed, " Must be given"));
  }

  linesOf(parameter, property) {
    const area = element("textarea", { class: "v-input", rows: 3, text: parameter[property].join("\n") });
    area.addEventListener("input", () => {
      parameter[property] = lines(area.value);
      this.changed();
    });
    return area;
  }
}
