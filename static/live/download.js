// Download what a search finds as CSV: a search of its own, fetched in order, up to a limit.

import { describe, kindOf } from "./describe.js";

const MOST_ROWS = 10_000;
const AT_ONCE = 500;

const COLUMNS = {
  time: (event) => event.time,
  event: kindOf,
  process: (event) => event.process?.path,
  pid: (event) => event.process?.pid,
  user: (event) => event.process?.user,
  what: describe,
  arguments: (event) => event.process?.arguments && JSON.stringify(event.process.arguments),
  working_directory: (event) => event.process?.cwd,
  parent: (event) => event.process?.parent_path,
  parent_command_line: (event) => event.process?.parent_command_line,
};

// Spreadsheets run cells that begin like a formula: what an endpoint names itself must not.
const FORMULA = /^[=+\-@\t\r]/;

function cell(value) {
  const text = String(value ?? "");
  const harmless = FORMULA.test(text) && !/^-?\d+$/.test(text) ? `'${text}` : text;
  return `"${harmless.replaceAll('"', '""')}"`;
}

const line = (event) => Object.values(COLUMNS).map((read) => cell(read(event))).join(",");

// One download. `send` asks the endpoint, `progress(done, wanted)` is told how far it is,
// `ended(reason)` when it is over: "" for a finished one.
export class Download {
  constructor({ searchId, asked, name, send, progress, ended }) {
    Object.assign(this, { searchId, name, send, progress, ended });
    this.lines = [Object.keys(COLUMNS).join(",")];
    this.through = null;
    this.offset = 0;
    send({ type: "search", search_id: searchId, ...asked, follow: false });
    progress(0, null);
  }

  hear(message) {
    if (message.type === "standing" && message.complete && this.through === null) {
      this.through = message.total;
      this.next();
    } else if (message.type === "rows") {
      for (const { event } of message.rows) this.lines.push(line(event));
      // Nothing at all: what is left was removed by retention meanwhile.
      this.offset = message.rows.length > 0 ? this.offset + message.rows.length : this.through;
      this.next();
    } else if (message.type === "refused") this.stop(message.reason);
    else if (message.type === "dropped") this.next();
  }

  next() {
    const wanted = Math.min(this.through, MOST_ROWS);
    this.progress(this.offset, wanted);
    const limit = Math.min(AT_ONCE, wanted - this.offset);
    if (limit <= 0) this.save();
    else this.send({ type: "fetch", search_id: this.searchId, offset: this.offset, limit, through: this.through });
  }

  stop(reason) {
    this.send({ type: "cancel", search_id: this.searchId });
    this.ended(reason);
  }

  save() {
    // The mark tells spreadsheets that this is UTF-8.
    const file = new Blob([`\uFEFF${this.lines.join("\r\n")}\r\n`], { type: "text/csv" });
    const link = document.createElement("a");
    link.href = URL.createObjectURL(file);
    link.download = this.name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
    this.stop("");
  }
}
