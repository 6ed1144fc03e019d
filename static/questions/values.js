// How values of endpoints are shown: sizes and durations for people, everything else as it is.

import { element, visible } from "../console/visible.js";

const NUMBERS = new Set(["integer", "decimal", "bytes", "seconds"]);
const MONO = new Set(["path", "hash", "ip-address", "version"]);
const SIZES = ["KiB", "MiB", "GiB", "TiB", "PiB"];

export const isNumber = (type) => NUMBERS.has(type);

export function shown(text, type) {
  if (type === "bytes") return sizeOf(text);
  if (type === "seconds") return durationOf(text);
  return visible(text);
}

function sizeOf(text) {
  if (!/^\d{1,18}$/.test(text)) return visible(text);
  let size = Number(text);
  if (size < 1024) return `${size} B`;
  let unit = -1;
  while (size >= 1024 && unit < SIZES.length - 1) {
    size /= 1024;
    unit += 1;
  }
  return `${size.toFixed(size < 10 ? 1 : 0)} ${SIZES[unit]}`;
}

function durationOf(text) {
  if (!/^\d{1,12}(\.\d+)?$/.test(text)) return visible(text);
  const seconds = Number(text);
  if (seconds < 60) return `${Number(seconds.toFixed(1))} s`;
  const parts = [[86_400, "d"], [3600, "h"], [60, "min"], [1, "s"]];
  const at = parts.findIndex(([size]) => seconds >= size);
  const [size, name] = parts[at];
  const rest = Math.floor((seconds % size) / (parts[at + 1]?.[0] ?? 1));
  return `${Math.floor(seconds / size)} ${name}${rest > 0 && parts[at + 1] ? ` ${rest} ${parts[at + 1][1]}` : ""}`;
}

// One cell of a grid or a table.
export function cell(text, type) {
  if (text === "") return element("span", { class: "q-cell-none", text: "–", title: "empty" });
  const title = visible(text);
  return element("span", { text: shown(text, type), title, class: MONO.has(type) ? "q-cell-mono" : null });
}

export const count = (number) => Number(number).toLocaleString("en");
export const many = (number, one, others = `${one}s`) => `${count(number)} ${number === 1 ? one : others}`;

export function utc(iso) {
  return iso ? `${iso.slice(0, 10)} ${iso.slice(11, 19)} UTC` : "";
}

export function ago(iso, now = Date.now()) {
  const seconds = Math.max(0, (now - new Date(iso)) / 1000);
  if (seconds < 60) return "just now";
  const [size, name] = [[86_400, "day"], [3600, "hour"], [60, "minute"]].find(([unit]) => seconds >= unit);
  return `${many(Math.floor(seconds / size), name)} ago`;
}

const NARROWEST = 84;
const WIDEST = 420;
const SIGN = 7.4;

// How wide each of the columns `chosen` shall be, by what stands in some rows, to fill `room`.
export function fittingWidths(columns, chosen, sample, room) {
  const wanted = chosen.map((index) => {
    const { label, type } = columns[index];
    const lengths = sample.map((values) => shown(values[index], type).length).sort((a, b) => a - b);
    // One long value does not make a column wide.
    const typical = lengths[Math.floor(lengths.length * 0.9)] ?? 12;
    return Math.min(WIDEST, Math.max(NARROWEST, (label.length + 3) * SIGN, (typical + 3) * SIGN));
  });
  const left = room - wanted.reduce((sum, width) => sum + width, 0);
  if (left <= 0) return wanted.map(Math.floor);
  const growing = chosen.map((index, at) => (isNumber(columns[index].type) ? 0 : wanted[at]));
  const weight = growing.reduce((sum, each) => sum + each, 0) || 1;
  const all = growing.some((each) => each > 0);
  return wanted.map((width, at) => Math.floor(width + left * (all ? growing[at] / weight : 1 / wanted.length)));
}
