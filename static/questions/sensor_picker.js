// A dialog to pick one sensor: searched by name and description, or looked up by category.

import { element } from "../console/visible.js";
import { COSTS } from "./sensors.js";

const ALL = "";

// Returns the sensor that was picked, or null.
export function pickSensor(catalogue, title) {
  const picker = new Picker(catalogue, title);
  return picker.result;
}

class Picker {
  constructor(catalogue, title) {
    this.catalogue = catalogue;
    this.category = ALL;
    this.search = element("input", { class: "v-input", type: "search", placeholder: "Search by name or what it tells", "aria-label": "Search sensors", role: "combobox", "aria-controls": "sensor-options", "aria-expanded": "true", autocomplete: "off" });
    this.categories = element("div", { class: "q-categories", role: "group", "aria-label": "Categories" });
    this.list = element("ul", { class: "q-sensors", id: "sensor-options", role: "listbox", "aria-label": "Sensors" });
    const close = element("button", { type: "button", class: "v-button q-slim", text: "Close" });
    this.dialog = element("dialog", { class: "q-picker", "aria-labelledby": "picker-title" }, element("header", { class: "v-row" }, element("h2", { id: "picker-title", text: title }), element("span", { class: "v-push" }, close)), this.search, element("div", { class: "q-picker-body" }, this.categories, this.list));
    close.addEventListener("click", () => this.dialog.close());
    this.result = new Promise((resolve) => {
      this.dialog.addEventListener("close", () => {
        resolve(this.picked ?? null);
        this.dialog.remove();
      });
    });
    this.listen();
    document.body.append(this.dialog);
    this.show();
    this.dialog.showModal();
    this.search.focus();
  }

  listen() {
    this.search.addEventListener("input", () => this.show());
    this.dialog.addEventListener("click", (event) => {
      if (event.target === this.dialog) this.dialog.close();
    });
    this.dialog.addEventListener("keydown", (event) => {
      const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
      if (step) this.choose(this.chosen + step);
      else if (event.key === "Enter" && event.target === this.search) this.pick(this.found[Math.max(0, this.chosen)]);
      else return;
      event.preventDefault();
    });
    this.list.addEventListener("click", (event) => {
      const option = event.target.closest("[role=option]");
      if (option) this.pick(this.found[Number(option.dataset.number)]);
    });
  }

  matching() {
    const words = this.search.value.trim().toLowerCase().split(/\s+/).filter(Boolean);
    const named = [];
    const described = [];
    for (const sensor of this.catalogue.sensors) {
      const names = [sensor.name, ...sensor.aliases].join(" ").toLowerCase();
      const all = [names, sensor.description, sensor.category, ...sensor.columns.map((column) => column.name)].join(" ").toLowerCase();
      if (words.every((word) => names.includes(word))) named.push(sensor);
      else if (words.every((word) => all.includes(word))) described.push(sensor);
    }
    return [...named, ...described];
  }

  show() {
    const matching = this.matching();
    const counts = new Map();
    for (const { category } of matching) counts.set(category, (counts.get(category) ?? 0) + 1);
    if (!counts.has(this.category)) this.category = ALL;
    this.categories.replaceChildren(this.categoryButton(ALL, "All", matching.length), ...[...counts].sort(([a], [b]) => a.localeCompare(b)).map(([name, count]) => this.categoryButton(name, name, count)));
    this.found = this.category === ALL ? matching : matching.filter(({ category }) => category === this.category);
    this.list.replaceChildren(...this.found.map(optionOf));
    if (this.found.length === 0) this.list.append(element("li", { class: "v-empty", text: "No sensor of yours tells this. Try another word." }));
    this.choose(this.search.value.trim() && this.found.length > 0 ? 0 : -1);
  }

  categoryButton(category, title, count) {
    const button = element("button", { type: "button", "aria-pressed": this.category === category }, title, element("span", { class: "q-count", text: count }));
    button.addEventListener("click", () => {
      this.category = category;
      this.show();
    });
    return button;
  }

  choose(number) {
    const options = [...this.list.querySelectorAll("[role=option]")];
    this.chosen = Math.min(Math.max(number, -1), options.length - 1);
    options.forEach((option, at) => option.setAttribute("aria-selected", at === this.chosen));
    const option = options[this.chosen];
    option?.scrollIntoView({ block: "nearest" });
    if (option) this.search.setAttribute("aria-activedescendant", option.id);
    else this.search.removeAttribute("aria-activedescendant");
  }

  pick(sensor) {
    if (!sensor) return;
    this.picked = sensor;
    this.dialog.close();
  }
}

function optionOf(sensor, number) {
  const [cost, meaning] = COSTS[sensor.cost];
  const columns = sensor.columns.length > 1 ? sensor.columns.map((column) => column.name).join(", ") : "";
  return element(
    "li",
    { role: "option", id: `sensor-option-${number}`, "data-number": number, "aria-selected": "false" },
    element("strong", { class: "v-strong", text: sensor.name }),
    element("span", { class: `v-chip q-cost is-${sensor.cost}`, text: cost, title: meaning }),
    sensor.platforms.length < 3 ? element("span", { class: "v-chip", text: sensor.platforms.join(", ") }) : null,
    element("span", { class: "q-sensor-text", text: sensor.description }),
    columns ? element("span", { class: "q-sensor-columns v-help", text: columns }) : null,
  );
}
