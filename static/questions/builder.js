// A question clicked together: what to get, from whom, and with which condition.
//
// It is kept in step with the text both ways: each change is written as text by the console, and
// each text that is a question is read into the form, unless somebody works in the form just then.

import { element } from "../console/visible.js";
import { ConditionForm, emptyGroup, formOf, groupOf } from "./conditions.js";
import { parameterFields } from "./parameters.js";
import { Newest, fetchJson, later } from "./requests.js";
import { pickSensor } from "./sensor_picker.js";
import { COSTS } from "./sensors.js";

const BUILD_AFTER = 200;
const FIRST_SENSOR = "Computer Name";

export class Builder {
  // `written(text)` hears the text of each change that is a question.
  constructor(place, catalogue, { url, written }) {
    Object.assign(this, { place, catalogue, url, written });
    this.building = new Newest();
    this.buildSoon = later(() => this.build(), BUILD_AFTER);
    this.selections = [];
    this.filter = emptyGroup();
    this.group = null;
    const first = catalogue.byName.get(FIRST_SENSOR);
    if (first) this.selections.push(this.selectionOf(first));
  }

  selectionOf(sensor) {
    return { sensor: sensor.name, parameters: this.catalogue.startingParameters(sensor), only: emptyGroup() };
  }

  // Read what the console made of a text.
  read(form) {
    this.selections = form.selections.map(({ sensor, parameters, only }) => ({ sensor, parameters, only: groupOf(only) }));
    this.filter = groupOf(form.filter);
    this.group = form.group;
    this.draw();
  }

  get isWorkedIn() {
    return this.place.contains(document.activeElement) || document.querySelector("dialog.q-picker") !== null;
  }

  get form() {
    const { catalogue } = this;
    return {
      selections: this.selections.map(({ sensor, parameters, only }, place) => ({ sensor, parameters: catalogue.filledIn(sensor, parameters), only: formOf(only, `selections[${place}].only`, catalogue) })),
      filter: formOf(this.filter, "filter", catalogue),
      group: this.group,
    };
  }

  async build() {
    if (this.selections.length === 0) {
      this.complain({ path: "", message: "Add a sensor: what do you want to know?" });
      return;
    }
    try {
      const answer = await this.building.run((signal) => fetchJson(this.url, { body: { form: this.form }, signal }));
      if (!answer) return;
      this.complain(answer.valid ? null : answer.error);
      if (answer.valid) this.written(answer.text);
    } catch (error) {
      this.complain({ path: "", message: error.message });
    }
  }

  // ---------------------------------------------------------------- what it looks like

  draw() {
    const change = ({ redraw = false, focus = null } = {}) => {
      if (redraw) this.draw();
      if (focus) this.focusOn(focus);
      this.buildSoon();
    };
    this.error = element("p", { class: "v-error", role: "status", "aria-live": "polite" });
    this.place.replaceChildren(
      this.step("Get", "What do you want to know?", ...this.selections.map((selection, place) => this.selection(selection, place, change)), this.addButton(change)),
      this.step("From", "Whom do you ask?", this.groupField(change)),
      this.step("With", "Only endpoints for which this is true. Leave it empty to ask all.", new ConditionForm(this.catalogue, { changed: change }).draw(this.filter)),
      this.error,
    );
  }

  step(word, help, ...parts) {
    return element("div", { class: "q-step", role: "group", "aria-label": `${word}: ${help}` }, element("div", { class: "q-step-word" }, element("strong", { class: "v-strong", text: word }), element("span", { class: "v-help", text: help })), element("div", { class: "q-step-body" }, ...parts));
  }

  selection(selection, place, change) {
    const sensor = this.catalogue.byName.get(selection.sensor);
    const remove = element("button", { type: "button", class: "q-remove", "aria-label": `Remove ${selection.sensor}`, title: `Remove ${selection.sensor}`, text: "×" });
    remove.addEventListener("click", () => {
      this.selections.splice(place, 1);
      change({ redraw: true });
    });
    if (!sensor) return element("div", { class: "q-selection" }, selection.sensor, remove);
    const [cost, meaning] = COSTS[sensor.cost];
    const head = element("div", { class: "v-row" }, element("strong", { class: "v-strong", text: sensor.name }), sensor.cost === "instant" ? null : element("span", { class: `v-chip q-cost is-${sensor.cost}`, text: cost, title: meaning }), element("span", { class: "v-help q-line q-grow", text: sensor.description, title: sensor.description }), remove);
    const card = element("div", { class: "q-selection", "data-selection": place }, head);
    card.node = selection;
    if (sensor.parameters.length > 0) card.append(parameterFields(sensor, selection, () => change()));
    card.append(this.rowFilter(selection, sensor, change));
    return card;
  }

  rowFilter(selection, sensor, change) {
    const form = new ConditionForm(this.catalogue, { own: sensor, changed: change });
    const drawn = form.draw(selection.only);
    const label = selection.only.parts.length > 0 ? element("span", { class: "v-help q-only", text: "only rows where" }) : null;
    return element("div", { class: "q-rows" }, label, drawn);
  }

  addButton(change) {
    const add = element("button", { type: "button", class: "v-button", id: "add-sensor" }, element("span", { class: "material-symbols-outlined", "aria-hidden": "true", text: "add" }), "Add a sensor");
    add.addEventListener("click", async () => {
      const sensor = await pickSensor(this.catalogue, "What do you want to know?");
      if (!sensor) return;
      const selection = this.selectionOf(sensor);
      this.selections.push(selection);
      change({ redraw: true, focus: selection });
    });
    return add;
  }

  groupField(change) {
    const field = element("select", { class: "v-input q-select", "aria-label": "Computer group" }, element("option", { value: "", text: "all machines that you may ask" }), ...this.catalogue.groups.map((name) => element("option", { value: name, text: name, selected: this.group !== null && name.toLowerCase() === this.group.toLowerCase() })));
    field.addEventListener("change", () => {
      this.group = field.value || null;
      change();
    });
    return field;
  }

  focusOn(node) {
    const box = [...this.place.querySelectorAll("[data-node], [data-selection]")].find((each) => each.node === node);
    const fields = [...(box?.querySelectorAll("input, select") ?? [])];
    (fields.find((field) => field.tagName === "INPUT" && !field.value) ?? fields.at(-1) ?? box?.querySelector("button"))?.focus();
  }

  // ---------------------------------------------------------------- what is wrong

  complain(error) {
    for (const field of this.place.querySelectorAll("[aria-invalid]")) field.removeAttribute("aria-invalid");
    this.error.textContent = "";
    if (!error) return;
    const field = this.fieldAt(error.path);
    // Nobody who has just added an empty field needs to be told that it is empty in red.
    const isFresh = field && !field.value;
    field?.setAttribute("aria-invalid", isFresh ? "false" : "true");
    const expected = error.expected?.length > 0 && error.expected.length < 8 ? ` (${error.expected.join(", ")})` : "";
    this.error.className = isFresh || !error.path ? "v-help" : "v-error";
    this.error.textContent = isFresh ? `Fill in: ${field.closest("label")?.querySelector("strong")?.textContent ?? field.getAttribute("aria-label") ?? error.message}.` : `${error.message}${expected}`;
  }

  fieldAt(path) {
    for (const box of this.place.querySelectorAll("[data-node], [data-selection]")) {
      const prefix = box.dataset.selection === undefined ? box.node.path : `selections[${box.dataset.selection}]`;
      if (!prefix || !path.startsWith(`${prefix}.`)) continue;
      const found = [...box.querySelectorAll("[data-field]")].find((field) => `${prefix}.${field.dataset.field}` === path);
      if (found) return found;
    }
    return null;
  }
}
