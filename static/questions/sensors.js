// What a question may be built from: fetched once, when somebody begins to click.

import { fetchJson } from "./requests.js";

export const COSTS = {
  instant: ["instant", "Answers at once."],
  light: ["light", "Works for up to a second on each endpoint."],
  heavy: ["heavy", "Starts a job on each endpoint, at low priority."],
};

export class Catalogue {
  constructor({ sensors, operators, without_value: withoutValue, groups }) {
    this.sensors = sensors;
    this.operators = operators;
    this.withoutValue = new Set(withoutValue);
    this.groups = groups;
    this.byName = new Map(sensors.map((sensor) => [sensor.name, sensor]));
  }

  static async load(url) {
    return new Catalogue(await fetchJson(url));
  }

  // The operators that compare one column, or all columns of a sensor at once.
  operatorsFor(sensor, columnName) {
    if (!columnName) return sensor.columns.length === 1 ? this.operators[sensor.columns[0].type] : sensor.operators;
    return this.operators[sensor.columns.find((column) => column.name === columnName)?.type ?? "text"];
  }

  // The parameters of a call; what is needed and still empty is left out, so that it is asked for.
  filledIn(name, parameters) {
    const needs = this.byName.get(name)?.needs ?? [];
    return Object.fromEntries(Object.entries(parameters ?? {}).filter(([key, value]) => value !== "" || !needs.includes(key)));
  }

  // How a form begins: what has no default stands empty there, to be filled in.
  startingParameters(sensor) {
    return Object.fromEntries(sensor.parameters.map(({ key, default: value }) => [key, value ?? ""]));
  }
}
