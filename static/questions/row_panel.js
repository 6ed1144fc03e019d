// One row beside the grid: its values, the endpoints that gave it, and where to go from there.

import { element, visible } from "../console/visible.js";
import { fetchJson } from "./requests.js";
import { count, many, shown } from "./values.js";

const LONG = 90;
const FIRST_TEXT = "Get Computer Name from all machines";

export class RowPanel {
  // `filter(column, value)` narrows the grid; `closed()` when somebody closes the panel.
  constructor(place, page, { filter, closed }) {
    Object.assign(this, { place, page, filter, closed });
  }

  get isOpen() {
    return !this.place.hidden;
  }

  open(item, groupBy) {
    this.item = item;
    this.groupBy = groupBy;
    const columns = this.page.columns.map((_, index) => index).filter((index) => groupBy.length === 0 || groupBy.includes(index));
    const close = iconButton("close", "Close (Escape)");
    close.addEventListener("click", () => this.close());
    this.givers = element("section", {}, element("h3", { text: "Given by" }), element("p", { class: "v-muted", text: "…" }));
    this.place.replaceChildren(
      element("header", { class: "v-card-head" }, element("h2", { text: `Given ${count(item.count)} ${item.count === 1 ? "time" : "times"}` }), close),
      element("div", { class: "q-detail-body" }, element("dl", { class: "q-values" }, ...columns.map((index) => this.value(index))), this.further(), this.givers),
    );
    this.place.hidden = false;
    this.place.parentElement.classList.add("has-detail");
    this.showGivers("");
  }

  close() {
    this.place.hidden = true;
    this.place.replaceChildren();
    this.place.parentElement.classList.remove("has-detail");
    this.closed();
  }

  value(index) {
    const { label, type } = this.page.columns[index];
    const text = this.item.values[index];
    const filter = iconButton("filter_alt", `Only rows with this ${label}`);
    filter.addEventListener("click", () => this.filter(index, text));
    const ask = iconButton("forum", `Ask the endpoints with this ${label} something else`);
    ask.addEventListener("click", () => this.askFurther(index, ask));
    const pretty = shown(text, type);
    const plain = visible(text);
    return element("div", {}, element("dt", { text: label }), element("dd", { class: plain.length > LONG ? "v-mono" : null, text: text === "" ? "(empty)" : pretty === plain ? plain : `${pretty} (${plain})` }), element("span", {}, filter, this.page.may_ask && text !== "" ? ask : null));
  }

  further() {
    if (!this.page.may_ask) return null;
    const button = element("button", { type: "button", class: "v-button", id: "drill-down" }, element("span", { class: "material-symbols-outlined", "aria-hidden": "true", text: "forum" }), "Ask these endpoints …");
    button.addEventListener("click", () => askAbout(this.page, { row: this.item.id, by: this.groupBy }));
    this.refusal = element("p", { class: "v-error", role: "alert" });
    return element("div", {}, element("div", { class: "v-row" }, button, ...this.page.jobs.flatMap((job) => this.jobButtons(job))), this.refusal);
  }

  // A heavy sensor answers with a job: what it found is asked for with another question.
  jobButtons({ column, results, cancel }) {
    const isKnown = this.groupBy.length === 0 || this.groupBy.includes(column);
    const id = isKnown ? this.item.values[column] : "";
    const buttons = [];
    if (results !== null) buttons.push(this.jobButton("Results", "table_rows", `${results}: what the job found`, results, id));
    if (cancel !== null && id !== "") buttons.push(this.jobButton("Cancel the job …", "cancel", `${cancel}: end it where it waits or runs`, cancel, id));
    return buttons;
  }

  jobButton(title, icon, hint, sensor, id) {
    const button = element("button", { type: "button", class: "v-button", title: hint }, element("span", { class: "material-symbols-outlined", "aria-hidden": "true", text: icon }), title);
    button.addEventListener("click", () => this.askOfJob(sensor, id, button));
    return button;
  }

  async askOfJob(sensor, id, button) {
    button.disabled = true;
    this.refusal.textContent = "";
    try {
      const selections = [
        { sensor: "Computer Name", parameters: {}, only: null },
        { sensor, parameters: { job_id: id }, only: null },
      ];
      const form = { selections, filter: null, group: null };
      const built = await fetchJson(this.page.build_url, { body: { form } });
      if (!built.valid) throw new Error(built.error.message);
      askAbout(this.page, { row: this.item.id, by: this.groupBy, text: built.text });
    } catch (error) {
      this.refusal.textContent = error.message;
      button.disabled = false;
    }
  }

  async askFurther(column, button) {
    button.disabled = true;
    this.refusal.textContent = "";
    try {
      const { text } = await fetchJson(`${this.page.url}further/`, { body: { row: this.item.id, columns: [column] } });
      const address = new URL(this.page.ask_url, location.href);
      address.searchParams.set("text", text);
      address.searchParams.set("choose", "1");
      location.assign(address);
    } catch (error) {
      this.refusal.textContent = error.message;
      button.disabled = false;
    }
  }

  async showGivers(after) {
    const { item } = this;
    try {
      const { endpoints, next } = await fetchJson(`${this.page.url}givers/`, { body: { row: item.id, group_by: this.groupBy, after } });
      if (this.item === item && this.isOpen) this.drawGivers(endpoints, next, after === "");
    } catch (error) {
      this.givers.replaceChildren(element("p", { class: "v-error", text: error.message }));
    }
  }

  drawGivers(endpoints, next, isFirst) {
    if (isFirst) {
      const title = next ? `Given by more than ${many(endpoints.length, "endpoint")}` : `Given by ${many(endpoints.length, "endpoint")}`;
      this.list = element("ul", { class: "q-givers" });
      this.givers.replaceChildren(element("h3", { text: title }), this.list);
    }
    const isOnly = isFirst && endpoints.length === 1;
    this.list.append(...endpoints.map((each) => giverOf(this.page, each, { isOnly })));
    this.givers.querySelector("[data-more]")?.remove();
    if (!next) return;
    const more = element("button", { type: "button", class: "v-button q-slim", "data-more": "", text: "More" });
    more.addEventListener("click", () => this.showGivers(next));
    this.givers.append(more);
  }
}

// Lead to the input, for a question to exactly the endpoints that gave a row or that `unanswered` lists.
export function askAbout(page, { row, by = [], unanswered, text = FIRST_TEXT }) {
  const address = new URL(page.ask_url, location.href);
  const wanted = { text, like: page.id, row, unanswered };
  for (const [name, value] of Object.entries(wanted)) if (value !== undefined) address.searchParams.set(name, value);
  for (const column of by) address.searchParams.append("by", column);
  if (text === FIRST_TEXT) address.searchParams.set("choose", "1");
  location.assign(address);
}

function giverOf(page, [id, name, times], { isOnly }) {
  const label = visible(name);
  const link = page.shows_endpoints ? element("a", { class: "v-link", href: `/endpoints/endpoint/${id}/change/`, text: label }) : element("span", { text: label });
  return element("li", {}, link, ...operationsOn(page, id, { isOnly }), times > 1 ? element("span", { class: "q-count", text: `${count(times)} times` }) : null);
}

// What modules offer to do with one endpoint: as buttons for the only one, as icons in a list.
export function operationsOn(page, id, { isOnly = false } = {}) {
  const token = document.querySelector("[name=csrfmiddlewaretoken]")?.value ?? "";
  return page.operations.map(({ title, icon, url }) =>
    element(
      "form",
      { method: "post", action: url.replace("ENDPOINT", id) },
      element("input", { type: "hidden", name: "csrfmiddlewaretoken", value: token }),
      element("button", { class: isOnly ? "v-button q-slim" : "q-small", title, "aria-label": title }, element("span", { class: "material-symbols-outlined", "aria-hidden": "true", text: icon }), isOnly ? title : ""),
    ),
  );
}

function iconButton(icon, title) {
  return element("button", { type: "button", class: "q-small", title, "aria-label": title }, element("span", { class: "material-symbols-outlined", "aria-hidden": "true", text: icon }));
}
