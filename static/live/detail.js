// Everything that is known of one event, with what to copy and what to search for next.

import { element, visible } from "../console/visible.js";
import { addressOf, describe, kindOf, questionsAbout, showTime } from "./describe.js";

const shown = (value) => value !== undefined && value !== null && value !== "" && value !== -1;

function copyButton(text, what) {
  const button = element(
    "button",
    { type: "button", class: "live-copy", title: `Copy ${what}`, "aria-label": `Copy ${what}` },
    element("span", { class: "material-symbols-outlined", "aria-hidden": "true", text: "content_copy" }),
  );
  button.addEventListener("click", async () => {
    const sign = button.firstChild;
    try {
      await navigator.clipboard.writeText(text);
      sign.textContent = "check";
    } catch {
      sign.textContent = "error";
      button.title = "This browser does not allow it: select the text and copy it by hand";
    }
    setTimeout(() => (sign.textContent = "content_copy"), 1500);
  });
  return button;
}

function fact(name, value, { copy = false } = {}) {
  if (!shown(value)) return null;
  const text = element("span", { class: "v-mono", text: visible(value) });
  return element(
    "div", {},
    element("dt", { text: name }),
    element("dd", {}, text, copy ? copyButton(String(value), name.toLowerCase()) : null),
  );
}

const facts = (...rows) => {
  const present = rows.flat().filter(Boolean);
  return present.length > 0 ? element("dl", { class: "live-facts" }, ...present) : null;
};

function section(title, ...parts) {
  const present = parts.filter(Boolean);
  return present.length > 0 ? element("section", {}, element("h3", { text: title }), ...present) : null;
}

const hashes = (hash) => ["sha256", "sha1", "md5"].map((name) => fact(name.toUpperCase(), hash?.[name], { copy: true }));

function argumentList(process) {
  const given = process.arguments ?? [];
  if (given.length === 0) return facts(fact("Command line", process.command_line, { copy: true }));
  const list = element("ol", { class: "live-arguments" }, ...given.map((text) => element("li", { class: "v-mono", text: visible(text) || "(empty)" })));
  const recorded = new TextEncoder().encode(given.join(" ")).length;
  const isCut = process.arguments_length > recorded + given.length;
  return element(
    "div", {},
    element("div", { class: "live-label" }, `${given.length} argument${given.length === 1 ? "" : "s"}`, copyButton(process.command_line ?? given.join(" "), "command line")),
    list,
    isCut ? element("p", { class: "v-help", text: `Cut: the whole is ${process.arguments_length} bytes long.` }) : null,
  );
}

function chain(process) {
  const above = [...(process.ancestors ?? [])].reverse();
  if (above.length === 0) return null;
  const line = (level, depth, isLast) =>
    element(
      "li", { style: `--depth: ${Math.min(depth, 8)}`, class: isLast ? "is-culprit" : null },
      element("span", { class: "v-mono v-strong", text: visible(level.path) || "unknown" }),
      element("span", { class: "v-help", text: ` ${shown(level.pid) ? level.pid : ""} ${visible(level.user)}` }),
      element("div", { class: `v-mono v-help${isLast ? "" : " live-clamp"}`, title: visible(level.command_line), text: visible(level.command_line) }),
    );
  return element("ol", { class: "v-chain" }, ...above.map((level, depth) => line(level, depth, false)), line(process, above.length, true));
}

const SECTIONS = {
  exit: ({ exit }) => [fact("Exit code", exit.killed_by ? "" : String(exit.code)), fact("Killed by signal", exit.killed_by || "")],
  file: ({ file }) => [
    fact("Operation", file.operation), fact(file.directory ? "Directory" : "Path", file.path, { copy: true }),
    fact("Path before", file.original_path, { copy: true }), fact("First bytes", file.magic), ...hashes(file.hash),
  ],
  network: ({ network }) => [
    fact("Operation", network.operation), fact("Protocol", network.protocol),
    fact("Other side", addressOf(network.address, network.port), { copy: true }),
    fact("This side", shown(network.local_address) ? addressOf(network.local_address, network.local_port) : ""),
    fact("Domain", network.domain, { copy: true }),
  ],
  dns: ({ dns }) => [
    fact("Name", dns.query, { copy: true }), fact("Type", dns.record_type),
    fact("Answer", dns.response, { copy: true }), fact("Server", dns.server),
  ],
  registry: ({ registry }) => Object.entries(registry).map(([name, value]) => fact(name.replaceAll("_", " "), value)),
  security: ({ security }) => Object.entries(security).map(([name, value]) => fact(name.replaceAll("_", " "), value)),
  image: ({ image }) => [fact("Path", image.path, { copy: true }), fact("Signer", image.signer), ...hashes(image.hash)],
};

function processSection(process) {
  return section(
    "Process",
    facts(
      fact("Path", process.path, { copy: true }),
      fact("PID", process.pid),
      fact("User", shown(process.user_id) ? `${process.user ?? ""} (${process.user_id})` : process.user),
      fact("Working directory", process.cwd, { copy: true }),
      fact("Started", process.started_at && `${showTime(process.started_at, { isLocal: false, withDate: true })} UTC`),
      fact("Parent", process.parent_path, { copy: true }),
      fact("Parent command line", process.parent_command_line, { copy: true }),
      fact("Container", process.container),
      fact("Memory only", process.memory_only ? "yes: its program is no file" : ""),
      hashes(process.hash),
    ),
    argumentList(process),
  );
}

// Fill `place` with an event. `search(expression)` and `close()` are what its buttons do.
export function showDetail(place, event, { search, close, isLocal }) {
  const closing = element("button", { type: "button", class: "v-button live-slim", title: "Close (Esc)", text: "Close" });
  closing.addEventListener("click", close);
  const zone = isLocal ? "local time" : "UTC";
  const head = element(
    "header", { class: "v-card-head" },
    element("h2", {}, element("span", { class: `v-chip live-kind is-${event.kind}`, text: kindOf(event) })),
    closing,
    element("p", { class: "v-help live-when", text: `${showTime(event.time, { isLocal, withDate: true })} ${zone}` }),
  );
  const questions = questionsAbout(event).map(([words, expression]) => {
    const button = element("button", { type: "button", class: "v-button live-slim", text: words, title: visible(expression) });
    button.addEventListener("click", () => search(expression));
    return button;
  });
  const { process } = event;
  const raw = JSON.stringify(event, null, 2);
  const body = element(
    "div", { class: "v-card-body live-detail-body" },
    event.kind === "process" ? null : section(kindOf(event), facts(...(SECTIONS[event.kind]?.(event) ?? [fact("", describe(event))]))),
    event.already_running ? element("p", { class: "v-help", text: "It was already running when recording began." }) : null,
    process ? processSection(process) : element("p", { class: "v-muted", text: "The process that did it was not recorded." }),
    process ? section("Ancestors", chain(process)) : null,
    questions.length > 0 ? section("Search for", element("div", { class: "v-row" }, ...questions)) : null,
    element("details", {}, element("summary", { class: "v-strong", text: "As JSON" }), copyButton(raw, "JSON"), element("code", { class: "v-code", text: visibleLines(raw) })),
  );
  place.replaceChildren(head, body);
  place.hidden = false;
}

// JSON escapes control characters itself; its own line breaks stay.
const visibleLines = (text) => text.split("\n").map(visible).join("\n");
