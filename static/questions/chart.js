// How often each value of a column was given: as bars or as a pie, the most frequent ones.

import { visible } from "../console/visible.js";
import { Newest, fetchJson } from "./requests.js";
import { count, many, shown } from "./values.js";

/* global Charts */

const LONGEST_LABEL = 48;
// Neighbours differ in light and dark, too, for eyes that tell these hues apart badly.
const SLICES = ["#0d9488", "#a5b4fc", "#b45309", "#f9a8d4", "#4d7c0f", "#7dd3fc", "#7e22ce", "#fdba74", "#1d4ed8", "#86efac"];

export class Chart {
  // `filter(column, value)` is called when somebody clicks on a value.
  constructor({ place, column, bar, pie, note, page, view, filter }) {
    Object.assign(this, { place, column, bar, pie, note, page, view, filter });
    this.kind = "bar";
    this.fetching = new Newest();
    column.replaceChildren(...page.columns.map(({ label }, index) => new Option(label, index)));
    column.addEventListener("change", () => this.show());
    bar.addEventListener("click", () => this.choose("bar"));
    pie.addEventListener("click", () => this.choose("pie"));
    new ResizeObserver(() => this.chart?.resize()).observe(place);
  }

  choose(kind) {
    this.kind = kind;
    this.bar.setAttribute("aria-pressed", kind === "bar");
    this.pie.setAttribute("aria-pressed", kind === "pie");
    if (this.found) this.draw();
  }

  async show() {
    const column = Number(this.column.value);
    const { filters, search } = this.view();
    try {
      const [found] = await Promise.all([
        this.fetching.run((signal) => fetchJson(`${this.page.url}chart/`, { body: { column, filters, search }, signal })),
        loadCharts(this.page.charts_url),
      ]);
      if (!found) return;
      this.found = { ...found, column };
      this.draw();
    } catch (error) {
      this.note.textContent = error.message;
    }
  }

  draw() {
    const { values, total_values: total, others, column } = this.found;
    const { label, type } = this.page.columns[column];
    const hidden = total - values.length;
    this.note.textContent = total === 0 ? "No rows to count yet." : hidden > 0 ? `The ${values.length} most frequent of ${many(total, "value")}` : many(total, "value");
    this.chart ??= Charts.init(this.place, null, { renderer: "svg" });
    const entries = values.map(([text, times]) => ({ name: text === "" ? "(empty)" : short(shown(text, type)), value: times, text }));
    if (hidden > 0 && others !== null) entries.push({ name: `${many(hidden, "other")}`, value: others, isRest: true });
    this.place.setAttribute("aria-label", `${label}: ${entries.map(({ name, value }) => `${name} ${count(value)}`).join(", ")}`);
    this.chart.setOption(this.kind === "bar" ? bars(entries) : pie(entries), { notMerge: true });
    this.chart.off("click");
    this.chart.on("click", ({ data }) => {
      if (!data.isRest) this.filter(column, data.text);
    });
  }
}

function short(text) {
  const plain = visible(text);
  return plain.length > LONGEST_LABEL ? `${plain.slice(0, LONGEST_LABEL - 1)}…` : plain;
}

function colours() {
  const style = getComputedStyle(document.documentElement);
  // The chart knows no variables: what the page's colours come to is asked of an element.
  const probe = document.createElement("span");
  document.body.append(probe);
  const read = (name) => {
    probe.style.color = style.getPropertyValue(name);
    const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
    canvas.fillStyle = getComputedStyle(probe).color;
    canvas.fillRect(0, 0, 1, 1);
    const [red, green, blue] = canvas.getImageData(0, 0, 1, 1).data;
    return `rgb(${red}, ${green}, ${blue})`;
  };
  const found = { text: read("--v-text"), muted: read("--v-muted"), line: read("--v-line"), accent: read("--v-accent"), surface: read("--v-surface") };
  probe.remove();
  return found;
}

const tooltip = (colour) => ({ renderMode: "richText", backgroundColor: colour.surface, borderColor: colour.line, textStyle: { color: colour.text }, formatter: ({ name, value, percent }) => `${name}: ${count(value)}${percent === undefined ? "" : ` (${percent} %)`}` });

function bars(entries) {
  const colour = colours();
  const rows = [...entries].reverse();
  return {
    animation: false,
    tooltip: tooltip(colour),
    grid: { left: 8, right: 64, top: 8, bottom: 8, containLabel: true },
    xAxis: { type: "value", minInterval: 1, axisLabel: { color: colour.muted }, splitLine: { lineStyle: { color: colour.line } } },
    yAxis: { type: "category", data: rows.map(({ name }) => name), axisTick: { show: false }, axisLine: { lineStyle: { color: colour.line } }, axisLabel: { color: colour.text, fontSize: 12 } },
    series: [{ type: "bar", barMaxWidth: 22, itemStyle: { color: colour.accent, borderRadius: [0, 3, 3, 0] }, label: { show: true, position: "right", color: colour.muted, formatter: ({ value }) => count(value) }, data: rows.map((entry) => (entry.isRest ? { ...entry, itemStyle: { color: colour.muted } } : entry)) }],
  };
}

function pie(entries) {
  const colour = colours();
  const isNarrow = window.innerWidth < 640;
  return {
    animation: false,
    color: SLICES,
    tooltip: tooltip(colour),
    series: [{ type: "pie", radius: isNarrow ? ["22%", "48%"] : ["32%", "72%"], itemStyle: { borderColor: colour.surface, borderWidth: 2 }, label: { color: colour.text, formatter: ({ name, percent }) => `${name}  ${percent} %` }, data: entries.map((entry) => (entry.isRest ? { ...entry, itemStyle: { color: colour.muted } } : entry)) }],
  };
}

let loading = null;

function loadCharts(url) {
  loading ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = url;
    script.addEventListener("load", resolve);
    script.addEventListener("error", () => reject(new Error("The chart could not be loaded. Reload the page.")));
    document.head.append(script);
  });
  return loading;
}
