// The page of a live session: connects the search bar, the grid, the detail panel and the socket.

import { visible } from "../console/visible.js";
import { Connection, NO_LONGER_ALLOWED } from "./connection.js";
import { showDetail } from "./detail.js";
import { Download } from "./download.js";
import { Grid } from "./grid.js";
import { EventRows } from "./rows.js";
import { SearchBar } from "./search_bar.js";

const byId = (id) => document.getElementById(id);
const NARROW = 900;
const count = (number) => number.toLocaleString("en");
const STATES = {
  PENDING: ["Connecting", "is-warn"],
  OPEN: ["Open", "is-good"],
  CLOSED: ["Closed", ""],
  FAILED: ["Failed", "is-alarm"],
};

const session = JSON.parse(byId("live-session").textContent);
const isOverAtStart = session.state === "CLOSED" || session.state === "FAILED";
let searchId = 0;
let asked = { expression: "", kinds: [] };
let isFollowing = true;
let download = null;
let resume = null;

const rows = new EventRows({
  fetch: (wanted) => connection?.send({ type: "fetch", search_id: searchId, ...wanted }),
  arrived: (numbers) => {
    grid.draw(numbers);
    grid.look();
  },
  cameAhead: (through) => {
    if (isWatching()) moveWindow(through);
  },
});
const grid = new Grid(byId("grid"), rows, {
  chosen: (row) => openRow(row),
  looked: () => {
    if (isWatching()) rows.lookAhead();
    showTotals();
  },
});
const bar = new SearchBar({ properties: session.properties, kinds: session.kinds, run: () => search() });
let connection = null;

// ------------------------------------------------------------------ searching

function search() {
  resume = null;
  hideDetail();
  startSearch();
}

function startSearch() {
  if (!connection) return;
  if (searchId > 0) connection.send({ type: "cancel", search_id: searchId });
  // Numbers of downloads are even, those of searches odd.
  searchId += searchId % 2 === 0 ? 1 : 2;
  asked = bar.question;
  bar.complain(null);
  rows.reset();
  grid.setCurrent(-1);
  grid.refresh();
  rememberSearch();
  connection.send({ type: "search", search_id: searchId, ...asked, follow: true });
  byId("progress").hidden = false;
  showTotals();
}

// A reload and a link to a colleague's own session begin with the same search.
function rememberSearch() {
  const address = new URL(location.href);
  if (bar.written) address.searchParams.set("search", bar.written);
  else address.searchParams.delete("search");
  if (address.href.length < 4000) history.replaceState(null, "", address);
  byId("reconnect").elements.search.value = bar.written;
}

function stand({ total, complete }) {
  const wasComplete = rows.isComplete;
  rows.stand(total, complete);
  byId("progress").hidden = complete;
  if (!wasComplete) {
    grid.refresh();
    if (complete && resume) restorePlace(total);
  } else if (isWatching()) rows.lookAhead();
  showTotals();
}

// After a lost connection the analyst goes on reading where they were.
function restorePlace(total) {
  if (resume.top > 0) grid.scrollTo(resume.top + Math.max(0, total - resume.through));
  resume = null;
}

function moveWindow(through) {
  rows.catchUp(through);
  grid.refresh();
  showTotals();
}

// Rows come in at the top only while nobody reads one of them.
function isWatching() {
  return isFollowing && grid.isAtTop && byId("detail").hidden;
}

function showTotals() {
  byId("total").textContent = rows.total === 1 ? "1 event" : `${count(rows.total)} events`;
  const pill = byId("new-events");
  pill.hidden = rows.unseen <= 0 || isWatching();
  pill.textContent = `${count(rows.unseen)} new event${rows.unseen === 1 ? "" : "s"} ↑`;
  byId("live").dataset.total = rows.total;
  const isSearching = !rows.isComplete;
  const isEmpty = rows.through === 0 && !isSearching;
  if (isEmpty) say(asked.expression || asked.kinds.length > 0 ? "No recorded event matches. New ones appear here." : "Nothing was recorded yet. New events appear here.");
  else if (rows.through > 0) say("");
}

function say(text) {
  byId("grid-notice").textContent = text;
  byId("grid-notice").hidden = text === "";
}

// ------------------------------------------------------------------ one event

function openRow(row) {
  const item = rows.get(row);
  grid.setCurrent(row);
  if (!item?.event) return;
  showDetail(byId("detail"), item.event, {
    isLocal: grid.isLocal,
    close: closeDetail,
    search: (expression) => {
      bar.set(expression);
      search();
    },
  });
  byId("live-body").classList.add("has-detail");
  // Below the grid, on a phone, nobody would see that something opened.
  if (window.innerWidth <= NARROW) byId("detail").scrollIntoView({ block: "nearest" });
}

// What it shows is a row of the grid: beside the rows of another search it would mislead.
function hideDetail() {
  byId("detail").hidden = true;
  byId("detail").replaceChildren();
  byId("live-body").classList.remove("has-detail");
}

function closeDetail() {
  hideDetail();
  if (isWatching()) rows.lookAhead();
  showTotals();
  byId("grid").focus({ preventScroll: true });
}

function move(step) {
  const next = Math.min(rows.through - 1, Math.max(0, grid.currentRow + step));
  if (rows.through === 0) return;
  if (byId("detail").hidden) grid.setCurrent(next);
  else openRow(next);
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const field = event.target;
  if (event.key === "Escape" && !byId("detail").hidden) {
    closeDetail();
    return;
  }
  if (field.isContentEditable || ["INPUT", "TEXTAREA", "SELECT"].includes(field.tagName)) {
    if (event.key === "Escape") byId("grid").focus();
    return;
  }
  const isElsewhere = field.closest("button, a, summary");
  const page = Math.max(1, Math.floor(byId("grid").clientHeight / 30) - 2);
  const steps = { j: 1, k: -1, ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -Infinity, End: Infinity };
  if (event.key in steps && !field.closest("#detail")) move(steps[event.key]);
  else if (event.key === "Enter" && !isElsewhere && grid.currentRow >= 0) openRow(grid.currentRow);
  else return;
  event.preventDefault();
});

// ------------------------------------------------------------------ the bar above the grid

function showFollow() {
  const icon = document.createElement("span");
  icon.className = "material-symbols-outlined";
  icon.setAttribute("aria-hidden", "true");
  icon.textContent = isFollowing ? "pause" : "play_arrow";
  byId("follow").replaceChildren(icon, isFollowing ? "Pause" : "Follow");
  byId("follow").setAttribute("aria-pressed", isFollowing);
}

function goToNewest() {
  rows.catchUp();
  grid.scrollTo(0);
  grid.refresh();
  showTotals();
}

byId("follow").addEventListener("click", () => {
  isFollowing = !isFollowing;
  showFollow();
  if (isFollowing) goToNewest();
  showTotals();
});
byId("new-events").addEventListener("click", goToNewest);
byId("time-zone").addEventListener("click", ({ currentTarget }) => {
  grid.setLocalTime(!grid.isLocal);
  currentTarget.textContent = grid.isLocal ? "Local time" : "UTC";
  currentTarget.setAttribute("aria-pressed", grid.isLocal);
});
byId("download").addEventListener("click", () => {
  if (download) {
    download.stop("cancelled");
    return;
  }
  if (!connection?.isOpen) return;
  download = new Download({
    searchId: searchId + 1,
    asked,
    name: `events-${session.host_name.replace(/[^\w.-]+/g, "_")}-${new Date().toISOString().slice(0, 19).replaceAll(":", "")}.csv`,
    send: (message) => connection.send(message),
    progress: (done, wanted) => {
      byId("download-label").textContent = wanted === null ? "Cancel (searching)" : `Cancel (${count(done)} of ${count(wanted)})`;
    },
    ended: (reason) => {
      download = null;
      byId("download-label").textContent = reason && reason !== "cancelled" ? "CSV failed" : "CSV";
      byId("download").title = reason ? `Not downloaded: ${reason}` : "Download up to 10,000 of these events as CSV";
    },
  });
});
byId("close-session").addEventListener("submit", () => {
  connection = null;
});

// ------------------------------------------------------------------ the session

function showState(state, reason) {
  const [title, tone] = STATES[state];
  byId("session-state").textContent = title;
  byId("session-state").className = `v-state ${tone}`;
  byId("session-reason").textContent = visible(reason);
  byId("live").dataset.state = state;
  const isOver = state === "CLOSED" || state === "FAILED";
  byId("reconnect").hidden = !isOver;
  byId("close-session").hidden = isOver;
  byId("run-search").disabled = isOver;
  byId("download").disabled = isOver;
  if (state === "OPEN" && rows.through === 0) say("Searching …");
  if (isOver) {
    byId("progress").hidden = true;
    if (rows.through === 0) say("This session is over. Reconnect opens a new one with the same search.");
  }
}

function hear(message) {
  const isOurs = message.search_id === searchId;
  if (download && message.search_id === download.searchId) download.hear(message);
  else if (message.type === "state") showState(message.state, message.reason);
  else if (message.type === "standing" && isOurs) stand(message);
  else if (message.type === "rows" && isOurs) rows.receive(message);
  else if (message.type === "dropped" && isOurs) rows.drop(message);
  else if (message.type === "refused" && (isOurs || message.search_id === undefined)) refuse(message);
}

function refuse(message) {
  if (message.offset !== undefined && message.offset !== null) {
    rows.drop(message);
    return;
  }
  byId("progress").hidden = true;
  hideDetail();
  say("The endpoint refused this search.");
  bar.complain(message);
}

function linkChanged({ state, seconds, code }) {
  const reason = byId("session-reason");
  if (state === "connected") {
    reason.textContent = "";
    startSearch();
  } else if (state === "waiting") {
    download?.ended("the connection was lost");
    resume ??= { top: grid.top, through: rows.through };
    byId("session-state").textContent = "Reconnecting";
    byId("session-state").className = "v-state is-warn";
    reason.textContent = `The connection to the console was lost. Trying again in ${seconds} s.`;
  } else if (code === NO_LONGER_ALLOWED) showState("CLOSED", "You may no longer use this session.");
}

showFollow();
if (session.search) bar.set(session.search);
byId("reconnect").elements.search.value = session.search;
if (isOverAtStart) showState(session.state, session.reason);
else {
  showState(session.state, "");
  connection = new Connection(session.socket, { heard: hear, standing: linkChanged });
}
