// The list of alerts fills by itself. News on the socket only says that there is something new;
// the rows come from the server, filtered and escaped as those of the page itself.

import { Connection } from "../live/connection.js";

const page = document.getElementById("alerts");
const part = document.getElementById("alerts-part");
const pill = document.getElementById("new-alerts");
const liveState = document.getElementById("live-state");
const TOP = 120;
const REFRESH_PAUSE = 1000;
const MOST_ROWS = 400;
let unseen = 0;
let isRefreshing = false;
let isStale = false;

const isAtTop = () => window.scrollY < TOP;
const chosen = () => [...part.querySelectorAll("input[name=ids]:checked")];
const rowsOf = (place) => place.querySelector("[data-rows]");

async function fetchPart(query) {
  const response = await fetch(`?${query}${query ? "&" : ""}part=rows`, { headers: { Accept: "text/html" } });
  // A login page in place of rows: the session is over, and only a reload can ask for a new one.
  if (!response.ok || response.redirected) throw new Error(`the console answered ${response.status}`);
  const holder = document.createElement("template");
  holder.innerHTML = await response.text();
  return holder.content;
}

// Put the newest rows on top; rows that are here already, and what is chosen in them, stay.
// Returns how many could not be shown without losing what is chosen.
function merge(fresh) {
  const here = rowsOf(part);
  const known = new Set([...part.querySelectorAll("[data-alert]")].map((row) => row.dataset.alert));
  const newest = [...fresh.querySelectorAll("[data-alert]")];
  const news = newest.filter((row) => !known.has(row.dataset.alert));
  for (const row of news) row.classList.add("is-new");
  // None of them is known and there are more behind them: between them and ours is a gap.
  const hasGap = news.length === newest.length && fresh.querySelector("#load-more") !== null;
  if (!here || hasGap || known.size + news.length > MOST_ROWS) {
    if (chosen().length > 0) return news.length;
    if (newest.length > 0) part.replaceChildren(...fresh.childNodes);
    return 0;
  }
  part.querySelector("[data-tabs]").replaceWith(fresh.querySelector("[data-tabs]"));
  here.prepend(...news);
  return 0;
}

async function refresh() {
  if (isRefreshing) {
    isStale = true;
    return;
  }
  isRefreshing = true;
  isStale = false;
  try {
    setUnseen(merge(await fetchPart(page.dataset.query)));
    showChosen();
  } catch (error) {
    liveState.textContent = `Not up to date: ${error.message}. Reload the page.`;
  } finally {
    setTimeout(() => {
      isRefreshing = false;
      if (isStale) refresh();
    }, REFRESH_PAUSE);
  }
}

function setUnseen(number) {
  unseen = number;
  pill.hidden = unseen === 0;
  pill.textContent = `${unseen.toLocaleString("en")} new alert${unseen === 1 ? "" : "s"} ↑`;
}

function showChosen() {
  const bulk = part.querySelector("[data-bulk]");
  if (!bulk) return;
  const number = chosen().length;
  bulk.hidden = number === 0;
  bulk.querySelector("[data-bulk-count]").textContent = `${number} chosen, set to:`;
}

part.addEventListener("change", (event) => {
  if (event.target.matches("[data-choose-all]")) {
    for (const box of part.querySelectorAll("input[name=ids]")) box.checked = event.target.checked;
  }
  showChosen();
});

part.addEventListener("click", async (event) => {
  const more = event.target.closest("#load-more");
  if (!more) return;
  event.preventDefault();
  more.textContent = "Loading …";
  try {
    const older = await fetchPart(more.getAttribute("href").slice(1));
    const rows = rowsOf(older);
    if (rows) rowsOf(part).append(...rows.childNodes);
    const next = older.querySelector("#load-more");
    if (next) more.replaceWith(next);
    else more.remove();
  } catch (error) {
    more.textContent = `Load more (failed: ${error.message})`;
  }
});

pill.addEventListener("click", () => {
  window.scrollTo({ top: 0 });
  for (const box of chosen()) box.checked = false;
  refresh();
});

function showAges() {
  for (const time of part.querySelectorAll("[data-ago]")) {
    const minutes = Math.floor((Date.now() - new Date(time.dateTime)) / 60_000);
    if (minutes < 1) time.textContent = "just now";
    else if (minutes < 60) time.textContent = `${minutes} minute${minutes === 1 ? "" : "s"} ago`;
  }
}
setInterval(showAges, 20_000);

new Connection(page.dataset.socket, {
  heard(message) {
    if (message.type !== "news") return;
    if (isAtTop()) refresh();
    else setUnseen(unseen + message.count);
  },
  standing({ state, seconds }) {
    page.dataset.live = state;
    if (state === "connected") {
      liveState.textContent = "Live";
      // What was raised while nobody listened is in the database: between two connections, and
      // between the making of this page and its first.
      refresh();
    } else if (state === "waiting") liveState.textContent = `Not live: trying again in ${seconds} s`;
    else liveState.textContent = "Not live: you may no longer listen. Reload the page.";
  },
});
