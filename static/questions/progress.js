// How far a question is: a bar with one segment for each state, and the same in words and numbers.

import { element } from "../console/visible.js";
import { count } from "./values.js";

const SEGMENTS = [
  ["complete", "answered"],
  ["partial", "answered in part"],
  ["not_matching", "do not match"],
  ["failed", "failed"],
  ["waiting_online", "online, working"],
  ["waiting_offline", "offline"],
  ["expired", "no answer in time"],
  ["cancelled", "cancelled"],
];
const SILENT = new Set(["partial", "failed", "waiting_online", "waiting_offline", "expired", "cancelled"]);
// Of which kind the endpoints of a segment are in the list of who did not answer; else of several.
const KINDS = { partial: "partial", failed: "failed", expired: "expired", cancelled: "cancelled", waiting_offline: "offline" };

// `unanswered` of them gave no answer, or a part of one.
export const unanswered = ({ waiting, failed, expired, cancelled, answered_in_part: partial }) => waiting + failed + expired + cancelled + partial;

export class Progress {
  // `opened(kind)` when somebody wants to know who did not answer, or only in part.
  constructor({ bar, legend, timeLeft, opened }) {
    Object.assign(this, { bar, legend, timeLeft, opened });
    setInterval(() => this.showTime(), 1000);
  }

  show(progress) {
    // Without Redis nobody can tell who is online.
    const waiting = progress.waiting_online === null ? { waiting_online: 0, waiting_offline: progress.waiting } : {};
    const parts = { ...progress, partial: progress.answered_in_part, complete: progress.answered - progress.answered_in_part, ...waiting };
    this.progress = parts;
    this.endsAt = Date.now() + parts.seconds_left * 1000;
    const present = SEGMENTS.filter(([name]) => parts[name] > 0);
    this.bar.replaceChildren(...present.map(([name, title]) => {
      const segment = element("i", { class: `is-${name}`, title: `${count(parts[name])} ${title}` });
      segment.style.flexGrow = parts[name];
      return segment;
    }));
    this.bar.setAttribute("aria-label", [`${count(parts.asked)} asked`, ...present.map(([name, title]) => `${count(parts[name])} ${title}`)].join(", "));
    this.legend.replaceChildren(element("li", {}, element("strong", { text: count(parts.asked) }), " asked"), ...present.map((segment) => this.legendOf(segment)));
    if (parts.rows_left_out > 0) this.legend.append(this.leftOut(parts.rows_left_out));
    if (parts.refused > 0) this.legend.append(element("li", { class: "v-muted", title: "Not asked, too late, too many rows, or of another width" }, element("strong", { text: count(parts.refused) }), " refused"));
    this.showTime();
  }

  legendOf([name, title]) {
    const words = [element("span", { class: `q-swatch is-${name}`, "aria-hidden": "true" }), element("strong", { text: count(this.progress[name]) })];
    if (!SILENT.has(name)) return element("li", {}, ...words, title);
    const button = element("button", { type: "button", title: "Show who, and why", text: title });
    button.addEventListener("click", () => this.opened(KINDS[name] ?? ""));
    return element("li", {}, ...words, button);
  }

  leftOut(rows) {
    const title = "These endpoints had more rows than an answer holds: show which";
    const button = element("button", { type: "button", title, text: `${rows === 1 ? "row" : "rows"} left out` });
    button.addEventListener("click", () => this.opened("partial"));
    return element("li", {}, element("span", { class: "q-swatch is-partial", "aria-hidden": "true" }), element("strong", { text: count(rows) }), button);
  }

  showTime() {
    const { progress } = this;
    if (!progress) return;
    const left = Math.max(0, Math.round((this.endsAt - Date.now()) / 1000));
    if (progress.cancelled_by) this.timeLeft.textContent = `– cancelled by ${progress.cancelled_by}`;
    else if (!progress.is_open) this.timeLeft.textContent = "– closed, nothing arrives any more";
    else if (progress.waiting === 0) this.timeLeft.textContent = `– everybody has reported; newcomers are asked for another ${lengthOf(left)}`;
    else this.timeLeft.textContent = `– waiting for another ${lengthOf(left)}`;
  }
}

function lengthOf(seconds) {
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
  return `${Math.floor(seconds / 86_400)} d ${Math.floor((seconds % 86_400) / 3600)} h`;
}
