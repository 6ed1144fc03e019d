// A condition clicked together: comparisons joined by AND or OR, nested, each part to be negated.
//
// The tree here has nodes {join, not, parts} and {sensor, parameters, column, operator, value, not};
// the console's form has {op, parts} and comparisons. While it is written, each node learns its path
// in the form, by which the console names what is wrong.

import { element } from "../console/visible.js";
import { parameterFields } from "./parameters.js";
import { pickSensor } from "./sensor_picker.js";

const JOINS = [
  ["and", "all of these"],
  ["or", "any of these"],
  ["not-or", "none of these"],
  ["not-and", "not all of these"],
];

export const emptyGroup = () => ({ join: "and", not: false, parts: [] });

// Read a condition of the console's form; null is no condition.
export function groupOf(form) {
  if (!form) return emptyGroup();
  const node = nodeOf(form);
  return node.parts ? node : { join: "and", not: false, parts: [node] };
}

function nodeOf(form) {
  if (form.op === "not") {
    const node = nodeOf(form.parts[0]);
    // Twice negated keeps a level of its own.
    return node.not ? { join: "and", not: true, parts: [node] } : { ...node, not: true };
  }
  if (form.op) return { join: form.op, not: false, parts: form.parts.map(nodeOf) };
  return { ...form, not: false };
}

// Write a node as the console's form and note its path; a group without parts is null.
export function formOf(node, path, catalogue) {
  const inner = node.not ? `${path}.parts[0]` : path;
  node.path = inner;
  const form = node.parts ? groupForm(node, inner, catalogue) : comparisonForm(node, catalogue);
  return form && node.not ? { op: "not", parts: [form] } : form;
}

function groupForm(node, path, catalogue) {
  const full = node.parts.filter((part) => !part.parts || countIn(part) > 0);
  if (full.length === 0) return null;
  if (full.length === 1) return formOf(full[0], path, catalogue);
  return { op: node.join, parts: full.map((part, place) => formOf(part, `${path}.parts[${place}]`, catalogue)) };
}

function comparisonForm({ sensor, parameters, column, operator, value }, catalogue) {
  const compared = { column, operator, value };
  return sensor === undefined ? compared : { sensor, parameters: catalogue.filledIn(sensor, parameters), ...compared };
}

export const countIn = (node) => (node.parts ? node.parts.reduce((sum, part) => sum + countIn(part), 0) : 1);

// Draws one condition. `own` is the sensor whose rows are chosen; without it, every comparison names
// one. `changed({redraw})` is called for each change.
export class ConditionForm {
  constructor(catalogue, { own = null, changed }) {
    Object.assign(this, { catalogue, own, changed });
  }

  draw(group, { isRoot = true, remove = null } = {}) {
    const box = element("div", { class: `q-group${isRoot ? " is-root" : ""}`, role: "group", "aria-label": group.join === "and" ? "All of these" : "Any of these" });
    if (!isRoot || group.parts.length > 1 || group.not) box.append(this.head(group, { remove }));
    group.parts.forEach((part, place) => {
      const drop = () => {
        group.parts.splice(place, 1);
        this.changed({ redraw: true });
      };
      box.append(part.parts ? this.draw(part, { isRoot: false, remove: drop }) : this.comparison(part, drop));
    });
    box.append(this.foot(group, { isRoot }));
    return box;
  }

  head(group, { remove }) {
    const meaning = `${group.not ? "not-" : ""}${group.join}`;
    const join = element("select", { class: "v-input q-select", "aria-label": "How the conditions are joined" }, ...JOINS.map(([value, text]) => element("option", { value, text, selected: meaning === value })));
    join.addEventListener("change", () => {
      group.not = join.value.startsWith("not-");
      group.join = join.value.replace("not-", "");
      this.changed({ redraw: true });
    });
    return element("div", { class: "v-row q-group-head" }, join, remove ? removeButton("Remove these conditions", remove) : null);
  }

  notButton(node) {
    const button = element("button", { type: "button", class: "q-not", "aria-pressed": node.not, title: "Take the “not” away", text: "not" });
    button.addEventListener("click", () => {
      node.not = false;
      this.changed({ redraw: true });
    });
    return button;
  }

  foot(group, { isRoot }) {
    const add = element("button", { type: "button", class: "v-button q-slim", text: this.own ? "+ row condition" : "+ condition" });
    add.addEventListener("click", async () => {
      const node = await this.newComparison();
      if (!node) return;
      group.parts.push(node);
      this.changed({ redraw: true, focus: node });
    });
    const nest = element("button", { type: "button", class: "v-button q-slim", text: "+ nested and/or" });
    nest.addEventListener("click", async () => {
      const node = await this.newComparison();
      if (!node) return;
      group.parts.push({ join: group.join === "and" ? "or" : "and", not: false, parts: [node] });
      this.changed({ redraw: true, focus: node });
    });
    return element("div", { class: "v-row q-group-foot" }, add, isRoot && group.parts.length === 0 ? null : nest);
  }

  async newComparison() {
    const sensor = this.own ?? (await pickSensor(this.catalogue, "Compare which sensor?"));
    if (!sensor) return null;
    const column = sensor.columns.length > 1 ? sensor.columns[0].name : "";
    const kind = sensor.columns[0].type;
    const operators = this.catalogue.operatorsFor(sensor, column);
    const operator = kind === "boolean" || kind === "integer" ? "is" : operators[0];
    const node = { column, operator, value: kind === "boolean" ? "True" : "", not: false };
    return this.own ? node : { ...node, sensor: sensor.name, parameters: this.catalogue.startingParameters(sensor) };
  }

  comparison(node, remove) {
    const sensor = this.own ?? this.catalogue.byName.get(node.sensor);
    if (!sensor) return element("div", { class: "v-row", text: node.sensor });
    const row = element("div", { class: "q-comparison", "data-node": "" });
    row.node = node;
    if (node.not) row.append(this.notButton(node));
    if (!this.own) row.append(this.sensorPart(node, sensor));
    if (sensor.columns.length > 1) row.append(this.columnField(node, sensor));
    row.append(this.operatorField(node, sensor));
    if (!this.catalogue.withoutValue.has(node.operator)) row.append(this.valueField(node, sensor));
    row.append(removeButton("Remove this condition", remove));
    return row;
  }

  sensorPart(node, sensor) {
    const name = element("button", { type: "button", class: "q-named", title: "Compare another sensor", text: sensor.name });
    name.addEventListener("click", async () => {
      const other = await pickSensor(this.catalogue, "Compare which sensor?");
      if (!other) return;
      const operators = this.catalogue.operatorsFor(other, "");
      Object.assign(node, { sensor: other.name, parameters: this.catalogue.startingParameters(other), column: "", operator: operators.includes(node.operator) ? node.operator : operators[0] });
      this.changed({ redraw: true });
    });
    const parameters = sensor.parameters.length > 0 ? parameterFields(sensor, node, () => this.changed({})) : null;
    return element("div", { class: "q-comparison-sensor" }, name, parameters);
  }

  columnField(node, sensor) {
    const any = element("option", { value: "", text: "any column", selected: !node.column });
    const field = element("select", { class: "v-input", "aria-label": "Column", "data-field": "column" }, ...sensor.columns.map(({ name }) => element("option", { value: name, text: name, selected: node.column === name })), any);
    field.addEventListener("change", () => {
      node.column = field.value;
      const operators = this.catalogue.operatorsFor(sensor, node.column);
      if (!operators.includes(node.operator)) node.operator = operators[0];
      this.changed({ redraw: true, focus: node });
    });
    return field;
  }

  operatorField(node, sensor) {
    const operators = this.catalogue.operatorsFor(sensor, node.column);
    const field = element("select", { class: "v-input", "aria-label": "Comparison", "data-field": "operator" }, ...operators.map((name) => element("option", { value: name, text: name, selected: node.operator === name })));
    field.addEventListener("change", () => {
      node.operator = field.value;
      this.changed({ redraw: true, focus: node });
    });
    return field;
  }

  valueField(node, sensor) {
    const type = sensor.columns.find(({ name }) => name === node.column)?.type ?? (sensor.columns.length === 1 ? sensor.columns[0].type : "text");
    const field =
      type === "boolean" && ["is", "is not"].includes(node.operator)
        ? element("select", { class: "v-input", "aria-label": "Value", "data-field": "value" }, ...["True", "False"].map((value) => element("option", { value, text: value, selected: node.value.toLowerCase() === value.toLowerCase() })))
        : element("input", { class: "v-input", "aria-label": "Value", "data-field": "value", value: node.value, placeholder: HINTS[type] ?? "value", autocomplete: "off", spellcheck: "false" });
    field.addEventListener("input", () => {
      node.value = field.value;
      this.changed({});
    });
    return field;
  }
}

const HINTS = {
  integer: "443",
  bytes: "10 MB",
  seconds: "5 minutes",
  instant: "2024-05-01 13:30",
  "ip-address": "10.0.0.0",
  version: "5.15.0-91",
  path: "/usr/bin/",
};

function removeButton(label, remove) {
  const button = element("button", { type: "button", class: "q-remove", "aria-label": label, title: label, text: "×" });
  button.addEventListener("click", remove);
  return button;
}
