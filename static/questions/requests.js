// JSON from the console, with its refusals as errors that have a sentence.

const token = () => document.querySelector("[name=csrfmiddlewaretoken]")?.value ?? cookie("csrftoken");

function cookie(name) {
  const found = document.cookie.split("; ").find((part) => part.startsWith(`${name}=`));
  return found ? decodeURIComponent(found.slice(name.length + 1)) : "";
}

export class Refusal extends Error {
  constructor(status, problem) {
    super(problem?.detail ?? `The console answered ${status}.`);
    this.status = status;
    this.problem = problem ?? {};
  }
}

// Fetch JSON; with a `body` it is posted. Raises `Refusal`.
export async function fetchJson(url, { body, method = body === undefined ? "GET" : "POST", signal } = {}) {
  const response = await fetch(url, {
    method,
    signal,
    headers: { Accept: "application/json", "Content-Type": "application/json", "X-CSRFToken": token() },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  // A login page in the place of JSON: only a reload can ask for a new session.
  if (response.redirected) throw new Refusal(401, { detail: "Your login is over. Reload the page." });
  const isJson = (response.headers.get("Content-Type") ?? "").includes("json");
  const content = isJson ? await response.json() : null;
  if (!response.ok) throw new Refusal(response.status, content);
  return content;
}

// Only the newest of several requests counts: `run(task)` aborts the one before.
export class Newest {
  constructor() {
    this.number = 0;
  }

  async run(task) {
    this.abort?.abort();
    this.abort = new AbortController();
    const number = (this.number += 1);
    try {
      const result = await task(this.abort.signal);
      return number === this.number ? result : null;
    } catch (error) {
      if (error.name === "AbortError" || number !== this.number) return null;
      throw error;
    }
  }
}

// Call `act` once nobody has asked for it during `pause` ms.
export function later(act, pause) {
  let timer;
  const call = (...words) => {
    clearTimeout(timer);
    timer = setTimeout(() => act(...words), pause);
  };
  call.now = (...words) => {
    clearTimeout(timer);
    return act(...words);
  };
  call.stop = () => clearTimeout(timer);
  return call;
}
