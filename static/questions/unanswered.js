// Who did not answer, or only in part, and why.

import { element, visible } from "../console/visible.js";
import { Newest, fetchJson } from "./requests.js";
import { operationsOn } from "./row_panel.js";
import { ago, utc } from "./values.js";

const KINDS = {
  offline: ["Offline", ""],
  received: ["Working", "is-warn"],
  sent: ["On its way", "is-warn"],
  failed: ["Failed", "is-alarm"],
  partial: ["In part", "is-warn"],
  expired: ["No answer", ""],
  "too-old": ["Agent too old", "is-warn"],
  revoked: ["Revoked", "is-alarm"],
  cancelled: ["Cancelled", ""],
};

const MOST_COPIED = 10_000;

export class UnansweredList {
  constructor({ place, kinds, page }) {
    Object.assign(this, { place, kinds, page });
    this.kind = "";
    this.fetching = new Newest();
  }

  // Offer the reasons that there can be.
  drawKinds(progress = this.progress) {
    this.progress = progress;
    const { failed, answered_in_part: partial, expired, cancelled, waiting_online: online, waiting_offline: offline } = progress;
    const possible = {
      offline, received: online, sent: online, failed, partial, expired, cancelled,
      "too-old": offline || failed, revoked: offline || expired,
    };
    const kinds = ["", ...Object.keys(KINDS).filter((kind) => possible[kind] !== 0 || kind === this.kind)];
    this.kinds.replaceChildren(...kinds.map((kind) => this.kindButton(kind)));
    this.kinds.hidden = kinds.length <= 2 && this.kind === "";
  }

  kindButton(kind) {
    const button = element("button", { type: "button", class: "q-kind", "aria-pressed": this.kind === kind, text: KINDS[kind]?.[0] ?? "All" });
    button.addEventListener("click", () => {
      this.kind = kind;
      this.drawKinds();
      this.show();
    });
    return button;
  }

  fetch(after, options) {
    return fetchJson(`${this.page.url}unanswered/?${new URLSearchParams({ kind: this.kind, after })}`, options);
  }

  // The list as text parted by tabs, with a head: at most `MOST_COPIED` of them.
  async copied() {
    const rows = [];
    let next = "";
    do {
      const page = await this.fetch(next);
      rows.push(...page.endpoints);
      ({ next } = page);
    } while (next !== "" && rows.length < MOST_COPIED);
    const line = (cells) => cells.map((cell) => String(cell ?? "").replace(/[\t\r\n]+/g, " ")).join("\t");
    const lines = rows.map(({ host_name: name, id, kind, reason, since }) => line([name, id, KINDS[kind]?.[0] ?? kind, reason, since]));
    return [line(["Endpoint", "Endpoint ID", "State", "Why", "Since"]), ...lines].join("\n");
  }

  async show(after = "") {
    try {
      const found = await this.fetching.run((signal) => this.fetch(after, { signal }));
      if (found) this.draw(found, after === "");
    } catch (error) {
      this.place.replaceChildren(element("p", { class: "v-error q-padded", text: error.message }));
    }
  }

  draw({ endpoints, next }, isFirst) {
    if (isFirst && endpoints.length === 0) {
      this.place.replaceChildren(element("p", { class: "v-empty q-padded", text: this.kind ? "Nobody, for this reason." : "Everybody answered in full." }));
      return;
    }
    if (isFirst) {
      this.body = element("tbody");
      const head = ["Endpoint", "State", "Why", "Since", "Actions"].map((text) => element("th", { scope: "col", text }));
      this.place.replaceChildren(element("table", { class: "v-table q-table q-silent" }, element("thead", {}, element("tr", {}, ...head)), this.body));
    }
    this.body.append(...endpoints.map((each) => this.row(each)));
    this.place.querySelector("[data-more]")?.remove();
    if (!next) return;
    const more = element("button", { type: "button", class: "v-button q-slim", "data-more": "", text: "Show more" });
    more.addEventListener("click", () => this.show(next));
    this.place.append(element("p", { class: "v-card-body", "data-more": "" }, more));
  }

  row({ id, host_name: name, kind, reason, since }) {
    const [title, tone] = KINDS[kind] ?? [kind, ""];
    const label = visible(name);
    return element(
      "tr",
      {},
      element("td", {}, this.page.shows_endpoints ? element("a", { class: "v-strong v-link", href: `/endpoints/endpoint/${id}/change/`, text: label }) : element("span", { class: "v-strong", text: label })),
      element("td", {}, element("span", { class: `v-state ${tone}`, text: title })),
      element("td", { class: "q-why", text: lines(reason) }),
      element("td", {}, since ? element("time", { datetime: since, class: "v-instant", text: utc(since) }) : "–", since ? element("span", { class: "v-help", text: ` ${ago(since)}` }) : null),
      element("td", {}, element("span", { class: "q-operations" }, ...operationsOn(this.page, id))),
    );
  }
}

// Each sensor that failed has its own line.
const lines = (text) => text.split("\n").map(visible).join("\n");
