// The test run of a sensor that is being written: choose an endpoint, run, watch what comes back.

import { element, visible } from "../console/visible.js";
import { parameterFields } from "./parameters.js";
import { fetchJson, later, Newest } from "./requests.js";

const PAUSE = 400;
const OFFERED_BEFORE_SEARCH = 50;

const seconds = (number) => (number < 10 ? number.toFixed(2) : number.toFixed(1));
const plural = (number, noun) => `${number.toLocaleString("en")} ${noun}${number === 1 ? "" : "s"}`;

export class Trial {
  // `draft()` gives what is written now, `refused(refusal)` shows its errors at their fields, and
  // `begun()` takes away those that stand there.
  constructor(root, urls, { draft, refused, begun }) {
    Object.assign(this, { urls, draft, refused, begun, call: { parameters: {} }, newest: new Newest() });
    for (const id of ["endpoint", "find", "refresh", "parameters", "run", "stop", "standing", "answer"]) this[id] = root.querySelector(`#trial-${id}`);
    this.run.addEventListener("click", () => this.start());
    this.stop.addEventListener("click", () => this.end());
    this.refresh.addEventListener("click", () => this.offer());
    this.find.addEventListener("input", later(() => this.offer(), 250));
    this.offer();
  }

  async offer() {
    const chosen = this.endpoint.value;
    const url = `${this.urls.endpoints}?q=${encodeURIComponent(this.find.value)}`;
    try {
      const found = await this.newest.run((signal) => fetchJson(url, { signal }));
      if (!found) return;
      this.find.hidden = !(found.more || this.find.value);
      const none = this.find.value ? "No endpoint that is online has this in its name" : "No endpoint that you may ask is online";
      this.endpoint.replaceChildren(...found.endpoints.map(({ id, name, os }) => element("option", { value: id, text: `${visible(name)} (${os})`, selected: id === chosen })));
      if (found.endpoints.length === 0) this.endpoint.append(element("option", { value: "", text: none }));
      if (found.more) this.endpoint.append(element("option", { value: "", disabled: true, text: `The first ${OFFERED_BEFORE_SEARCH}: search for others` }));
    } catch (refusal) {
      this.say("alarm", refusal.message);
    }
  }

  // Draw the parameters anew; what was filled in stays.
  showParameters(parameters) {
    const named = parameters.filter(({ key }) => key);
    const shape = JSON.stringify(named);
    if (shape === this.shape) return;
    this.shape = shape;
    const fields = named.map((parameter) => ({ max_length: 4096, ...parameter, title: parameter.title || parameter.key }));
    for (const { key, default: value, type, choices } of fields) {
      if (!(key in this.call.parameters)) this.call.parameters[key] = value ?? (type === "choice" ? choices[0] ?? "" : type === "boolean" ? "0" : "");
    }
    this.parameters.replaceChildren(...(fields.length > 0 ? [parameterFields({ parameters: fields }, this.call, () => {})] : []));
  }

  async start() {
    const draft = this.draft();
    const keys = new Set(draft.parameters.map(({ key }) => key));
    const parameters = Object.fromEntries(Object.entries(this.call.parameters).filter(([key]) => keys.has(key)));
    this.answer.replaceChildren();
    this.begun();
    this.busy(true);
    this.say("", "Sending …");
    try {
      const { url } = await fetchJson(this.urls.trial, { body: { draft, endpoint: this.endpoint.value || null, parameters } });
      this.url = url;
      await this.watch(url);
    } catch (refusal) {
      this.say("alarm", "It was not run: ", this.wordsOf(refusal));
      this.refused(refusal);
    } finally {
      this.busy(false);
    }
  }

  async end() {
    const url = this.url;
    if (!url) return;
    this.stop.disabled = true;
    try {
      await fetchJson(`${url}stop/`, { body: {} });
    } catch (refusal) {
      this.say("alarm", refusal.message);
    }
    this.stop.disabled = false;
  }

  async watch(url) {
    for (;;) {
      const outcome = await fetchJson(url);
      if (outcome.is_over) {
        this.show(outcome);
        return;
      }
      this.say("", `${visible(outcome.endpoint)}: ${seconds(outcome.waited)} s so far. ${outcome.reason}`);
      await new Promise((resolve) => setTimeout(resolve, PAUSE));
    }
  }

  show(outcome) {
    const name = visible(outcome.endpoint);
    const took = `It worked ${seconds(outcome.took)} s; ${seconds(outcome.waited)} s with the way there and back.`;
    if (outcome.state === "answered") this.showRows(outcome, name, took);
    else if (outcome.state === "failed") this.say("alarm", `Failed on ${name}. `, took);
    else this.say("warn", `No answer from ${name}.`);
    if (outcome.reason && outcome.state !== "answered") this.answer.append(element("code", { class: "v-code", text: visible(outcome.reason) }));
  }

  showRows({ rows, total, cut, columns }, name, took) {
    const isWhole = !cut;
    this.say(total > 0 && isWhole ? "good" : "warn", `${plural(total, "row")} from ${name}. `, took);
    if (total === 0) this.answer.append(element("p", { class: "v-muted", text: "The script ended with 0 and printed nothing." }));
    if (cut) this.answer.append(element("p", { class: "v-muted", text: `${plural(cut, "row")} more did not fit into an answer.` }));
    if (columns.length > 1 && rows.length > 0 && rows.every(([, values]) => values.slice(1).every((value) => value === ""))) {
      this.answer.append(element("div", { class: "v-notice" }, element("div", { text: "Only the first column is filled. Does the script part its columns with the separator?" })));
    }
    if (rows.length === 0) return;
    const counted = rows.some(([count]) => count > 1);
    const head = element("tr", {}, counted ? element("th", { class: "is-number", scope: "col", text: "Count" }) : null, ...columns.map((text) => element("th", { scope: "col", text })));
    const body = rows.map(([count, values]) => element("tr", {}, counted ? element("td", { class: "is-number", text: count }) : null, ...values.map((value) => element("td", { class: "v-mono", text: visible(value) }))));
    this.answer.append(element("div", { class: "s-answer", tabindex: 0, role: "region", "aria-label": "Rows of the test run" }, element("table", { class: "v-table" }, element("thead", {}, head), element("tbody", {}, ...body))));
    if (rows.length < total && !counted) this.answer.append(element("p", { class: "v-help", text: `The first ${rows.length} are shown.` }));
  }

  busy(is) {
    this.run.disabled = is;
    this.stop.hidden = !is;
    if (is) this.url = null;
  }

  say(tone, ...texts) {
    const [first, ...rest] = texts;
    this.standing.replaceChildren(tone ? element("span", { class: `v-state is-${tone}`, text: first }) : element("span", { class: "v-muted", text: first }), " ", ...rest);
  }

  wordsOf(refusal) {
    const said = Object.entries(refusal.problem?.errors ?? {});
    const [path, [text]] = said.find(([name]) => name.startsWith("values.")) ?? ["", [refusal.message]];
    return path ? text : refusal.message;
  }
}
