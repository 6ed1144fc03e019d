// What changed since an earlier answer to the same question, by rows or by endpoints.

import { element, visible } from "../console/visible.js";
import { Newest, fetchJson } from "./requests.js";
import { cell, count, many } from "./values.js";

const KINDS = {
  appeared: ["Appeared", "is-good"],
  vanished: ["Vanished", "is-alarm"],
  "count-changed": ["Count changed", "is-warn"],
};

export class Changes {
  constructor({ place, earlier, rows, endpoints, note, page }) {
    Object.assign(this, { place, earlier, rows, endpoints, note, page });
    this.isByEndpoint = false;
    this.fetching = new Newest();
    earlier.addEventListener("change", () => this.show());
    rows.addEventListener("click", () => this.choose(false));
    endpoints.addEventListener("click", () => this.choose(true));
  }

  choose(isByEndpoint) {
    this.isByEndpoint = isByEndpoint;
    this.rows.setAttribute("aria-pressed", !isByEndpoint);
    this.endpoints.setAttribute("aria-pressed", isByEndpoint);
    this.show();
  }

  async show(after = "") {
    const url = `${this.page.url}changes/${this.earlier.value}/${this.isByEndpoint ? "endpoints/" : ""}`;
    const query = new URLSearchParams(this.isByEndpoint ? { after } : { offset: after || "0" });
    try {
      const found = await this.fetching.run((signal) => fetchJson(`${url}?${query}`, { signal }));
      if (!found) return;
      if (this.isByEndpoint) this.drawEndpoints(found, after === "");
      else this.drawRows(found, after === "" ? 0 : Number(after));
    } catch (error) {
      this.place.replaceChildren(element("p", { class: "v-error q-padded", text: error.message }));
    }
  }

  table(...names) {
    this.body = element("tbody");
    const head = names.map((text) => element("th", { scope: "col", text }));
    this.place.replaceChildren(element("table", { class: "v-table q-table" }, element("thead", {}, element("tr", {}, ...head)), this.body));
  }

  drawRows({ endpoints, total, rows }, offset) {
    this.note.textContent = `${many(total, "row")} changed, among ${many(endpoints, "endpoint")} that answered both times`;
    if (total === 0) {
      this.place.replaceChildren(element("p", { class: "v-empty q-padded", text: endpoints === 0 ? "No endpoint has answered both times yet." : "Nothing changed: the same endpoints gave the same rows." }));
      return;
    }
    if (offset === 0) this.table("Change", "Before", "Now", ...this.page.columns.map(({ label }) => label));
    this.body.append(
      ...rows.map(([kind, before, after, values]) => {
        const [title, tone] = KINDS[kind];
        return element("tr", {}, element("td", {}, element("span", { class: `v-state ${tone}`, text: title })), element("td", { class: "is-number", text: count(before) }), element("td", { class: "is-number", text: count(after) }), ...values.map((value, index) => element("td", {}, cell(value, this.page.columns[index].type))));
      }),
    );
    this.more(offset + rows.length < total ? String(offset + rows.length) : "");
  }

  drawEndpoints({ endpoints, next }, isFirst) {
    if (isFirst) {
      this.note.textContent = "Endpoints that answered both times, and differently";
      if (endpoints.length === 0) {
        this.place.replaceChildren(element("p", { class: "v-empty q-padded", text: "No endpoint answers otherwise than before." }));
        return;
      }
      this.table("Endpoint", "Appeared", "Vanished");
    }
    const lines = (rows, sign, tone) => element("td", {}, ...rows.map((values) => element("div", { class: `v-mono ${tone}`, text: `${sign} ${values.map(visible).join(" | ")}` })));
    this.body.append(
      ...endpoints.map(([id, name, appeared, vanished]) => {
        const label = visible(name);
        const link = this.page.shows_endpoints ? element("a", { class: "v-link v-strong", href: `/endpoints/endpoint/${id}/change/`, text: label }) : element("strong", { text: label });
        return element("tr", {}, element("td", {}, link), lines(appeared, "+", "q-diff-appeared"), lines(vanished, "−", "q-diff-vanished"));
      }),
    );
    this.more(next);
  }

  more(after) {
    this.place.querySelector("[data-more]")?.remove();
    if (!after) return;
    const button = element("button", { type: "button", class: "v-button q-slim", text: "Show more" });
    button.addEventListener("click", () => this.show(after));
    this.place.append(element("p", { class: "v-card-body", "data-more": "" }, button));
  }
}
