// The page of a question: connects progress, grid, row, chart, comparison and the list of the silent.

import { Connection } from "../live/connection.js";
import { AnswersGrid } from "./answers_grid.js";
import { Changes } from "./changes.js";
import { Chart } from "./chart.js";
import { EndpointRows } from "./endpoint_rows.js";
import { Exports } from "./exports.js";
import { Progress, unanswered } from "./progress.js";
import { Newest, fetchJson, later } from "./requests.js";
import { RowPanel, askAbout } from "./row_panel.js";
import { pickSensor } from "./sensor_picker.js";
import { Catalogue } from "./sensors.js";
import { UnansweredList } from "./unanswered.js";
import { count, many } from "./values.js";

const byId = (id) => document.getElementById(id);
const page = JSON.parse(byId("question-page").textContent);
const LOOK_EVERY = 3_000;
const LOOK_EVERY_WITH_NEWS = 15_000;
const LOOK_PAUSE = 800;
const SEARCH_AFTER = 300;

let progress = page.progress;
let isListening = false;
let hasNews = false;
let allRows = null;

// ------------------------------------------------------------------ progress

const looking = new Newest();
const progressBar = new Progress({
  bar: byId("progress-bar"),
  legend: byId("progress-legend"),
  timeLeft: byId("time-left"),
  opened: (kind) => {
    silentList.kind = kind;
    openTab("unanswered");
    silentList.drawKinds();
  },
});

function showProgress() {
  progressBar.show(progress);
  byId("question").dataset.answered = progress.answered;
  const silent = unanswered(progress);
  byId("count-unanswered").textContent = count(silent);
  byId("count-unanswered").classList.toggle("is-alarm", silent > 0);
  silentList.drawKinds(progress);
  if (byId("unanswered-ask")) byId("unanswered-ask").hidden = silent === 0;
  const cancel = byId("cancel-question");
  if (cancel) cancel.hidden = !progress.is_open;
  showNotice();
}

async function look() {
  try {
    const before = progress;
    const found = await looking.run((signal) => fetchJson(`${page.url}progress/`, { signal }));
    if (!found) return;
    progress = found;
    showProgress();
    if (found.answered !== before.answered || found.asked !== before.asked || found.is_open !== before.is_open) bringNews();
    if (unanswered(found) !== unanswered(before) && shownTab === "unanswered") silentList.show();
  } catch (error) {
    byId("time-left").textContent = `– not up to date: ${error.message}`;
  }
}
// News come in bursts: one look shows all of them.
let lookTimer = null;
function lookSoon() {
  lookTimer ??= setTimeout(() => {
    lookTimer = null;
    look();
  }, LOOK_PAUSE);
}

// Rows must not jump away under somebody who reads one of them.
function bringNews() {
  const isReading = panel.isOpen || grid.chosen.size > 0 || !grid.isAtTop;
  hasNews = isReading && shownTab === "rows";
  byId("new-answers").hidden = !hasNews;
  if (!hasNews) grid.refresh();
  if (shownTab === "chart") chart.show();
  if (shownTab === "endpoints") endpointRows.refresh();
}

byId("new-answers").addEventListener("click", () => {
  panel.close();
  hasNews = false;
  byId("new-answers").hidden = true;
  grid.slick.scrollRowToTop(0);
  grid.refresh();
});

// ------------------------------------------------------------------ the grid

const grid = new AnswersGrid(byId("grid"), page, {
  load: (view) => fetchJson(`${page.url}window/`, { body: view }),
  opened: (item) => panel.open(item, grid.view.group_by),
  changed: () => showGrid(),
  failed: (error) => showRefusal(error),
});
const panel = new RowPanel(byId("row-detail"), page, {
  filter: (column, value) => filterBy(column, value),
  closed: () => {
    grid.leaveRow();
    byId("grid").focus({ preventScroll: true });
  },
});

function showGrid() {
  const { total, isKnown } = grid.rows;
  if (isKnown && !grid.isNarrowed && grid.groupBy.size === 0) allRows = total;
  byId("count-rows").textContent = allRows === null ? "" : count(allRows);
  byId("grid-total").textContent = !isKnown ? "" : grid.isNarrowed && allRows !== null ? `${many(total, "row")} of ${count(allRows)}` : many(total, grid.groupBy.size > 0 ? "group" : "row");
  byId("clear-filters").hidden = !grid.isNarrowed;
  byId("copy-rows").disabled = grid.chosen.size === 0;
  byId("copy-label").textContent = grid.chosen.size > 0 ? `Copy ${many(grid.chosen.size, "row")}` : "Copy";
  byId("question").dataset.rows = isKnown ? total : "";
  for (const filter of grid.filters) filter.complain(null);
  showNotice();
}

function showNotice() {
  const { total, isKnown } = grid.rows;
  byId("grid-notice").textContent = !isKnown ? "Loading …" : total > 0 ? "" : whyEmpty();
}

function whyEmpty() {
  if (grid.isNarrowed && allRows !== 0) return "No row matches the filters.";
  const { asked, answered, not_matching: other, failed, waiting, is_open: isOpen } = progress;
  if (asked === 0) return "Nobody was asked: no endpoint is in reach.";
  if (answered === 0 && waiting > 0 && isOpen) return progress.waiting_online ? "Waiting for the first answer …" : "Every endpoint that was asked is offline. Answers appear here when they come online.";
  if (answered > 0) return `${many(answered, "endpoint")} answered, and none has such a row.`;
  if (other > 0 && failed === 0) return `No endpoint matches: ${many(other, "endpoint")} looked and found the condition not true.`;
  if (failed > 0) return `${many(failed, "endpoint")} failed: “Did not answer in full” says why.`;
  return "Nobody answered: “Did not answer in full” says why.";
}

function showRefusal(error) {
  const errors = error.problem?.errors ?? {};
  for (const filter of grid.filters) filter.complain(errors[filter.column.label]?.[0] ?? null);
  const reasons = Object.entries(errors).map(([name, texts]) => `${name}: ${texts.join(", ")}`);
  byId("grid-notice").textContent = reasons.join(". ") || error.message;
}

function filterBy(column, value) {
  const filter = grid.filters[column];
  filter.operator = value === "" ? "is empty" : "is";
  filter.value = value;
  filter.show();
  if (panel.isOpen) panel.close();
  openTab("rows");
  grid.restart();
}

byId("grid-search").addEventListener("input", later(() => grid.setSearch(byId("grid-search").value.trim()), SEARCH_AFTER));
byId("clear-filters").addEventListener("click", () => {
  byId("grid-search").value = "";
  grid.clearFilters();
});
byId("copy-rows").addEventListener("click", () => copyRows());
byId("columns-menu").addEventListener("toggle", () => grid.drawMenu(byId("columns-list")));

async function copyRows() {
  if (grid.chosen.size === 0) return;
  await copyText(() => grid.copied, byId("copy-label"));
  setTimeout(showGrid, 1500);
}

async function copyText(text, label) {
  try {
    await navigator.clipboard.writeText(await text());
    label.textContent = "Copied";
  } catch (error) {
    label.textContent = error.problem ? error.message : "The browser refused";
  }
}

// ------------------------------------------------------------------ the other views

const chart = new Chart({
  place: byId("chart"),
  column: byId("chart-column"),
  bar: byId("chart-bar"),
  pie: byId("chart-pie"),
  note: byId("chart-note"),
  page,
  view: () => grid.view,
  filter: filterBy,
});
const silentList = new UnansweredList({ place: byId("unanswered"), kinds: byId("unanswered-kinds"), page });
const changes = byId("changes") && new Changes({
  place: byId("changes"),
  earlier: byId("changes-earlier"),
  rows: byId("changes-rows"),
  endpoints: byId("changes-endpoints"),
  note: byId("changes-note"),
  page,
});
new Exports({
  menu: byId("export-menu"),
  list: byId("export-list"),
  label: byId("export-label"),
  page,
  view: () => ({ ...grid.view, columns: grid.visibleColumns }),
});
new Exports({
  menu: byId("unanswered-menu"),
  list: byId("unanswered-formats"),
  label: byId("unanswered-label"),
  page,
  view: () => ({ unanswered: silentList.kind || "all" }),
  canUnmerge: false,
});
byId("unanswered-ask")?.addEventListener("click", () => askAbout(page, { unanswered: 1, text: page.text }));
byId("unanswered-copy").addEventListener("click", async () => {
  await copyText(() => silentList.copied(), byId("unanswered-copied"));
  setTimeout(() => (byId("unanswered-copied").textContent = "Copy"), 1500);
});
let endpointRows = null;
byId("endpoint-search").addEventListener("input", later(() => endpointRows.find(byId("endpoint-search").value.trim()), SEARCH_AFTER));

const TABS = {
  rows: { panel: "panel-grid", open: () => grid.slick.resizeCanvas() },
  endpoints: {
    panel: "panel-endpoints",
    open: () => {
      endpointRows ??= new EndpointRows(byId("endpoint-grid"), page, { say: (text) => (byId("endpoint-notice").textContent = text) });
      endpointRows.restart();
    },
  },
  chart: { panel: "panel-chart", open: () => chart.show() },
  changes: { panel: "panel-changes", open: () => changes?.show() },
  unanswered: { panel: "panel-unanswered", open: () => silentList.show() },
};
let shownTab = "rows";

function openTab(name) {
  shownTab = name;
  for (const [each, { panel: place }] of Object.entries(TABS)) {
    const tab = byId(`tab-${each}`);
    tab.setAttribute("aria-selected", each === name);
    tab.tabIndex = each === name ? 0 : -1;
    byId(place).hidden = each !== name;
  }
  byId(`tab-${name}`).scrollIntoView({ block: "nearest", inline: "nearest" });
  TABS[name].open();
  history.replaceState(null, "", name === "rows" ? location.pathname + location.search : `#show-${name}`);
}
for (const name of Object.keys(TABS)) byId(`tab-${name}`).addEventListener("click", () => openTab(name));
byId("tab-rows").parentElement.addEventListener("keydown", (event) => {
  const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  if (!step) return;
  const names = Object.keys(TABS);
  const next = names[(names.indexOf(shownTab) + step + names.length) % names.length];
  openTab(next);
  byId(`tab-${next}`).focus();
  event.preventDefault();
});

// A menu closes when somebody clicks elsewhere.
document.addEventListener("click", (event) => {
  for (const menu of document.querySelectorAll(".q-menu[open]")) {
    if (!menu.contains(event.target) && event.target.isConnected) menu.open = false;
  }
});

byId("add-column")?.addEventListener("click", async ({ currentTarget: button }) => {
  try {
    const catalogue = await Catalogue.load(button.dataset.sensors);
    const sensor = await pickSensor(catalogue, "Which sensor shall be a column, too?");
    if (!sensor) return;
    const read = await fetchJson(button.dataset.check, { body: { text: page.text } });
    if (!read.valid) throw new Error(read.error.message);
    const { form } = read;
    form.selections.push({ sensor: sensor.name, parameters: catalogue.startingParameters(sensor), only: null });
    const built = await fetchJson(button.dataset.build, { body: { form } });
    // What still lacks a parameter is finished in the input.
    const text = built.valid ? built.text : page.text.replace(/\s+from\s/i, ` and ${sensor.name}[] from `);
    location.assign(`${page.ask_url}?${new URLSearchParams({ text, like: page.id, lifetime: page.lifetime })}`);
  } catch (error) {
    byId("time-left").textContent = `– ${error.message}`;
  }
});

// ------------------------------------------------------------------ the keyboard

document.addEventListener("keydown", (event) => {
  const field = event.target;
  const isTyping = field.isContentEditable || ["INPUT", "TEXTAREA", "SELECT"].includes(field.tagName);
  if (document.querySelector("dialog[open]")) return;
  if (event.key === "Escape") {
    const menu = document.querySelector(".q-menu[open]");
    if (menu) menu.open = false;
    else if (isTyping) byId("grid").focus();
    else if (panel.isOpen) panel.close();
    else if (grid.chosen.size > 0) grid.leaveRow();
    return;
  }
  if (shownTab !== "rows" || isTyping) return;
  if ((event.ctrlKey || event.metaKey) && !event.altKey) {
    if (event.key === "c" && window.getSelection()?.toString() === "") copyRows();
    else if (event.key === "a" && field.closest("#panel-grid")) grid.chooseAll();
    else return;
    event.preventDefault();
    return;
  }
  if (event.altKey || field.closest("button, a, summary, [role=tab]")) return;
  const screen = Math.max(1, Math.floor(byId("grid").clientHeight / 30) - 4);
  const steps = { j: 1, k: -1, ArrowDown: 1, ArrowUp: -1, PageDown: screen, PageUp: -screen, Home: -Infinity, End: Infinity };
  if (event.key in steps) {
    const item = grid.move(steps[event.key]);
    if (item && panel.isOpen) panel.open(item, grid.view.group_by);
  } else if (event.key === "Enter" && grid.currentRow >= 0) panel.open(grid.rows.get(grid.currentRow), grid.view.group_by);
  else if (event.key === " " && grid.currentRow >= 0) grid.toggle(grid.currentRow);
  else return;
  event.preventDefault();
  event.stopPropagation();
}, { capture: true });

// ------------------------------------------------------------------ news

showProgress();
const wishedTab = location.hash.replace("#show-", "");
if (wishedTab in TABS) openTab(wishedTab);
if (page.listens && progress.is_open) {
  new Connection("/ws/live/questions/", {
    heard: ({ type, rows }) => {
      if (type === "news" && rows.some(({ id }) => id === page.id)) lookSoon();
    },
    standing: ({ state }) => {
      const wasListening = isListening;
      isListening = state === "connected";
      if (isListening && !wasListening) lookSoon();
    },
  });
}
let lookedAt = Date.now();
setInterval(() => {
  if (!progress.is_open || document.hidden) return;
  if (Date.now() - lookedAt < (isListening ? LOOK_EVERY_WITH_NEWS : LOOK_EVERY)) return;
  lookedAt = Date.now();
  look();
}, 1000);
document.addEventListener("visibilitychange", () => {
  if (!document.hidden && progress.is_open) look();
});
