// A group by hand: endpoints found by name and added, or names pasted, one a line.

const PATIENCE = 200; // milliseconds after the last key

const form = document.querySelector("#group-form");
const input = document.querySelector("#find-endpoint");
const found = document.querySelector("#found-endpoints");
const chosen = document.querySelector("#chosen-endpoints");
const textarea = form.querySelector("textarea[name=members]");
const names = JSON.parse(document.querySelector("#chosen-names").textContent);
const SHOWN = 200;

let timer;
let latest = 0;
let current = -1;

const lines = () => textarea.value.split("\n").map((line) => line.trim()).filter(Boolean);

function draw() {
  const all = lines();
  chosen.replaceChildren(...all.slice(0, SHOWN).map(chip));
  if (all.length > SHOWN) {
    const more = document.createElement("li");
    more.className = "v-help";
    more.textContent = `and ${(all.length - SHOWN).toLocaleString("en")} more`;
    chosen.append(more);
  }
}

function chip(line) {
  const item = document.createElement("li");
  item.className = "v-chip";
  const remove = document.createElement("button");
  remove.type = "button";
  remove.textContent = "×";
  remove.setAttribute("aria-label", `Take out ${names[line] ?? line}`);
  remove.addEventListener("click", () => {
    textarea.value = lines().filter((other) => other !== line).join("\n");
    draw();
  });
  item.append(names[line] ?? line, remove);
  return item;
}

function choose(endpoint) {
  names[endpoint.id] = endpoint.host_name;
  if (!lines().includes(endpoint.id)) textarea.value = [...lines(), endpoint.id].join("\n");
  input.value = "";
  offer([]);
  draw();
}

function offer(endpoints) {
  current = -1;
  found.replaceChildren(
    ...endpoints.map((endpoint, place) => {
      const option = document.createElement("li");
      option.id = `found-${place}`;
      option.setAttribute("role", "option");
      option.textContent = `${endpoint.host_name} — ${endpoint.os_name} ${endpoint.os_version}`;
      option.addEventListener("mousedown", (event) => {
        event.preventDefault();
        choose(endpoint);
      });
      option.endpoint = endpoint;
      return option;
    }),
  );
  found.hidden = !endpoints.length;
  input.setAttribute("aria-expanded", String(Boolean(endpoints.length)));
}

async function search() {
  const wanted = input.value.trim();
  const mine = ++latest;
  if (!wanted) {
    offer([]);
    return;
  }
  const query = new URLSearchParams({ search: wanted, revoked: "false", page_size: "10" });
  const response = await fetch(`${form.dataset.endpoints}?${query}`);
  if (mine === latest && response.ok) offer((await response.json()).results);
}

input.addEventListener("input", () => {
  clearTimeout(timer);
  timer = setTimeout(search, PATIENCE);
});
input.addEventListener("keydown", (event) => {
  const options = [...found.children];
  if (event.key === "Enter") event.preventDefault();
  if (event.key === "Escape") offer([]);
  if (!options.length) return;
  if (event.key === "Enter") choose(options[Math.max(current, 0)].endpoint);
  if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    event.preventDefault();
    current = (current + (event.key === "ArrowDown" ? 1 : -1) + options.length) % options.length;
    options.forEach((option, place) => option.setAttribute("aria-selected", String(place === current)));
    input.setAttribute("aria-activedescendant", options[current].id);
  }
});
input.addEventListener("blur", () => offer([]));
textarea.addEventListener("input", draw);
draw();
