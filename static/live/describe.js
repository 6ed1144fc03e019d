// What an event says in the cells of the grid, and the conditions with which to search for it.

import { quote } from "./expression.js";

const join = (parts, by = " ") => parts.filter((part) => part !== undefined && part !== "").join(by);

export const addressOf = (address, port) =>
  (address?.includes(":") ? `[${address}]` : address) + (port >= 0 ? `:${port}` : "");

const DESCRIPTIONS = {
  process: (event) => event.process?.command_line || event.process?.path || "",
  exit: ({ exit, process }) =>
    join([exit.killed_by ? `killed by signal ${exit.killed_by}` : `exit code ${exit.code}`, process?.command_line], " · "),
  file: ({ file }) => (file.original_path ? `${file.original_path} → ${file.path}` : file.path),
  network: ({ network }) =>
    join([addressOf(network.address, network.port), network.protocol, network.domain && `(${network.domain})`]),
  dns: ({ dns }) => join([dns.query, dns.record_type, dns.response && `→ ${dns.response}`]),
  registry: ({ registry }) => join([registry.key_path, registry.value_name, registry.value_data]),
  image: ({ image }) => image.path,
  security: ({ security }) => join([security.user, security.logon_type, security.source_address]),
};

// One line that says what happened.
export function describe(event) {
  if (event.problem) return event.problem;
  return DESCRIPTIONS[event.kind]?.(event) ?? "";
}

// "process start", "file write", "exit".
export const kindOf = (event) =>
  event.operation && event.operation !== event.kind ? `${event.kind} ${event.operation}` : event.kind;

const pad = (number, width = 2) => String(number).padStart(width, "0");

// "21:47:45.123" or, with `withDate`, "2026-11-21 21:47:45.123".
export function showTime(text, { isLocal, withDate = false }) {
  const at = new Date(text);
  if (!text || Number.isNaN(at.getTime())) return "no time";
  const read = (name) => (isLocal ? at[`get${name}`]() : at[`getUTC${name}`]());
  const day = `${read("FullYear")}-${pad(read("Month") + 1)}-${pad(read("Date"))} `;
  const time = `${pad(read("Hours"))}:${pad(read("Minutes"))}:${pad(read("Seconds"))}.${pad(read("Milliseconds"), 3)}`;
  return withDate ? day + time : time;
}

// What else an analyst asks when looking at this event: [words on the button, expression].
export function questionsAbout(event) {
  const { process, file, network, dns } = event;
  const questions = [];
  const ask = (words, property, value) => value && questions.push([words, `${property} is ${quote(value)}`]);
  if (process?.pid >= 0 && process.path) {
    questions.push(["this process", `process.pid is ${process.pid} AND process.path is ${quote(process.path)}`]);
  }
  ask("this program", "process.path", process?.path);
  ask("this command line", "process.command_line", process?.command_line);
  ask("this user", "process.user", process?.user);
  ask("this parent", "process.parent_path", process?.parent_path);
  ask("everything below this program", "process.ancestry_path", process?.path);
  ask("this file", "file.path", file?.path);
  ask("this address", "network.address", network?.address);
  ask("this domain", "dns.query", dns?.query ?? network?.domain);
  return questions;
}
