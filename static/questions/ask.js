// The page to ask from: the input, the form to click with, and what happens when somebody asks.

import { QuestionInput } from "./question_input.js";
import { Builder } from "./builder.js";
import { fetchJson } from "./requests.js";
import { Catalogue } from "./sensors.js";

const byId = (id) => document.getElementById(id);
const form = byId("ask");
const toggle = byId("toggle-builder");
let builder = null;
let isAsking = false;
// To whose endpoints the question goes; null: to all.
let like = form.dataset.like ? JSON.parse(form.dataset.like) : null;

const input = new QuestionInput(form.querySelector("[data-question-input]"), {
  entered: () => ask(),
  checked: (answer) => {
    if (answer?.valid && builder && !byId("builder").hidden && !builder.isWorkedIn) builder.read(answer.form);
    showExamples();
  },
});

// ------------------------------------------------------------------ asking

async function ask() {
  if (isAsking || input.field.disabled) return;
  if (!input.text.trim()) {
    input.field.focus();
    input.completeSoon.now();
    return;
  }
  isAsking = true;
  byId("ask-button").disabled = true;
  try {
    // What is wrong is shown under the word before anything is asked.
    const answer = input.answer ?? (await input.check());
    if (answer && !answer.valid) {
      input.complain(answer.error);
      input.field.focus();
      return;
    }
    const body = { text: input.text, lifetime: Number(byId("lifetime").value), like };
    const asked = await fetchJson(form.dataset.ask, { body });
    location.assign(asked.url);
  } catch (error) {
    input.say([error.message], "is-wrong");
  } finally {
    isAsking = false;
    byId("ask-button").disabled = false;
  }
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  ask();
});
form.addEventListener("click", (event) => {
  const example = event.target.closest("[data-example]");
  if (!example) return;
  input.set(example.textContent, { focus: true });
});
byId("save-question")?.addEventListener("click", ({ currentTarget }) => {
  const address = new URL(currentTarget.dataset.url, location.href);
  address.searchParams.set("text", input.text);
  address.searchParams.set("lifetime", byId("lifetime").value);
  if (like) address.search += `&${new URLSearchParams(location.search).toString().replace(/(^|&)(text|lifetime|choose|build)=[^&]*/g, "")}`;
  location.assign(address);
});
byId("ask-all")?.addEventListener("click", () => {
  like = null;
  byId("narrowed").remove();
  input.field.focus();
});

function showExamples() {
  const examples = byId("examples");
  if (examples) examples.hidden = input.text.trim() !== "" || !byId("builder").hidden;
}
input.field.addEventListener("input", showExamples);

// ------------------------------------------------------------------ clicking

toggle.addEventListener("click", async () => {
  const place = byId("builder");
  if (!builder) {
    toggle.disabled = true;
    try {
      const catalogue = await Catalogue.load(form.dataset.sensors);
      builder = new Builder(place, catalogue, {
        url: form.dataset.build,
        written: (text) => {
          input.set(text, { check: false });
          input.answer = { valid: true };
          input.show();
        },
      });
    } catch (error) {
      input.say([error.message], "is-wrong");
      return;
    } finally {
      toggle.disabled = false;
    }
  }
  place.hidden = !place.hidden;
  toggle.setAttribute("aria-expanded", !place.hidden);
  showExamples();
  if (place.hidden) return;
  builder.draw();
  const answer = input.text.trim() ? await input.check() : null;
  if (answer?.valid) builder.read(answer.form);
  else if (!input.text.trim()) builder.buildSoon();
  byId("add-sensor")?.focus();
});

// ------------------------------------------------------------------ how it begins

const wishes = new URLSearchParams(location.search);
if (input.text) {
  input.checkSoon.now();
  showExamples();
}
if (!input.field.disabled) {
  // Before this script listens, a click would be lost.
  toggle.disabled = false;
  byId("ask-button").disabled = false;
  const [start, end] = [4, input.text.search(/ from /i)];
  input.field.focus();
  // The first sensor is marked: whoever types another one replaces it.
  if (wishes.get("choose") && end > start) input.field.setSelectionRange(start, end);
  else input.field.setSelectionRange(input.text.length, input.text.length);
}
if (wishes.get("build")) toggle.click();
