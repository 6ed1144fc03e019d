// The input of a question: completion while somebody types, and marks under what is wrong.
//
// The console's own parser judges; nothing of the language is known here. A list of choices is open
// whenever there are some; its first one is chosen beforehand only while a word is half typed, so
// that Enter asks a finished question.

import { element } from "../console/visible.js";
import { Newest, fetchJson, later } from "./requests.js";

const COMPLETE_AFTER = 60;
const CHECK_AFTER = 350;
const ENDS_WITHOUT_BLANK = /[[(=:\s]$/;
const PLACEHOLDER = /^an? /;
const KINDS = { sensor: "sensor", column: "column", parameter: "parameter", operator: "compare", value: "value", group: "group", keyword: "" };

export class QuestionInput {
  // `checked(answer)` hears what the console says of each text that stands for a moment;
  // `entered()` that Enter was pressed on a text.
  constructor(place, { checked = () => {}, entered = () => {} } = {}) {
    this.place = place;
    this.field = place.querySelector("textarea");
    this.marks = place.querySelector("[data-marks]");
    this.list = place.querySelector("[data-choices]");
    this.standing = place.querySelector("[data-standing]");
    Object.assign(this, { checked, entered });
    this.completing = new Newest();
    this.checking = new Newest();
    this.completeSoon = later(() => this.complete(), COMPLETE_AFTER);
    this.checkSoon = later(() => this.check(), CHECK_AFTER);
    this.answer = null;
    this.close();
    this.listen();
    this.fit();
  }

  get text() {
    return this.field.value;
  }

  get isOpen() {
    return !this.list.hidden;
  }

  listen() {
    const { field } = this;
    field.addEventListener("input", () => {
      this.answer = null;
      this.fit();
      this.show();
      this.completeSoon();
      this.checkSoon();
    });
    field.addEventListener("keydown", (event) => this.key(event));
    field.addEventListener("click", () => this.completeSoon());
    field.addEventListener("blur", () => this.leave());
    field.addEventListener("scroll", () => (this.marks.scrollTop = field.scrollTop));
    // The field keeps the focus: without it, what is clicked would be drawn anew meanwhile.
    this.standing.addEventListener("mousedown", (event) => event.preventDefault());
    this.list.addEventListener("mousedown", (event) => {
      event.preventDefault();
      const option = event.target.closest("[role=option]");
      if (option) this.accept(Number(option.dataset.number));
    });
    new ResizeObserver(() => this.fit()).observe(this.place);
  }

  // Put another text in, as if it was typed; `check` says whether the console shall look at it.
  set(text, { check = true, focus = false } = {}) {
    this.field.value = text;
    this.answer = null;
    this.fit();
    this.show();
    this.close();
    if (check) this.checkSoon.now();
    else this.checkSoon.stop();
    if (focus) {
      this.field.focus();
      this.field.setSelectionRange(text.length, text.length);
    }
  }

  fit() {
    this.field.style.height = "auto";
    this.field.style.height = `${Math.min(this.field.scrollHeight + 2, window.innerHeight * 0.4)}px`;
  }

  // ---------------------------------------------------------------- keys

  key(event) {
    if (event.isComposing || event.ctrlKey || event.metaKey || event.altKey) return;
    const keys = {
      ArrowDown: () => this.isOpen && this.choose(this.chosen + 1),
      ArrowUp: () => this.isOpen && this.choose(this.chosen - 1),
      Escape: () => {
        const wasOpen = this.isOpen;
        // One that is still on its way does not open behind this.
        this.leave();
        return wasOpen;
      },
      Tab: () => this.isOpen && !event.shiftKey && this.accept(Math.max(0, this.chosen)),
      Enter: () => {
        if (event.shiftKey) return false;
        if (this.isOpen && this.chosen >= 0) this.accept(this.chosen);
        else this.entered();
        return true;
      },
    };
    if (event.key === "ArrowDown" && !this.isOpen && this.text.length === this.field.selectionEnd) this.completeSoon.now();
    if ((keys[event.key]?.() ?? false) !== false) event.preventDefault();
  }

  // ---------------------------------------------------------------- completion

  async complete() {
    const { field } = this;
    if (field.disabled || document.activeElement !== field) return;
    if (field.selectionStart !== field.selectionEnd) {
      this.close();
      return;
    }
    const position = field.selectionEnd;
    const text = this.text;
    const found = await this.ask(this.completing, this.place.dataset.complete, { text, position });
    if (!found || this.text !== text || field.selectionEnd !== position || document.activeElement !== field) return;
    this.offered = { text, start: found.start, end: found.end };
    this.offer(found.choices, { isTyping: found.start < position && this.answer?.valid !== true });
  }

  offer(choices, { isTyping }) {
    this.choices = choices;
    if (choices.length === 0) {
      this.close();
      return;
    }
    this.list.replaceChildren(
      ...choices.map(({ text, kind, detail }, number) =>
        element(
          "li",
          { role: "option", id: `question-choice-${number}`, "data-number": number, "aria-selected": "false" },
          element("span", { class: "q-choice-text", text: text.trim() }),
          element("span", { class: "q-choice-kind", text: KINDS[kind] ?? kind }),
          detail ? element("span", { class: "q-choice-detail", text: detail }) : null,
        ),
      ),
    );
    const wasOpen = this.isOpen;
    this.list.hidden = false;
    this.list.scrollTop = 0;
    this.field.setAttribute("aria-expanded", "true");
    this.chosen = -1;
    if (isTyping) this.choose(0);
    if (!wasOpen && this.answer) this.show();
  }

  choose(number) {
    const options = [...this.list.children];
    // Above the first one is none: Enter asks again.
    this.chosen = number < 0 ? -1 : Math.min(number, options.length - 1);
    options.forEach((option, at) => option.setAttribute("aria-selected", at === this.chosen));
    const option = options[this.chosen];
    option?.scrollIntoView({ block: "nearest" });
    if (option) this.field.setAttribute("aria-activedescendant", option.id);
    else this.field.removeAttribute("aria-activedescendant");
    return true;
  }

  accept(number) {
    const { text, kind } = this.choices[number];
    const [start, end] = this.rangeFor(text);
    if (start === undefined) return true;
    const rest = this.text.slice(end);
    const needsBlank = kind !== "value" && kind !== "parameter" && !ENDS_WITHOUT_BLANK.test(text) && !/^[\s\],)]/.test(rest);
    const inBrackets = this.text.slice(0, start).lastIndexOf("[") > this.text.slice(0, start).lastIndexOf("]");
    const blank = needsBlank || (kind === "value" && !inBrackets && rest === "") ? " " : "";
    this.replace(start, end, text + blank);
    return true;
  }

  // What a choice takes the place of. While the list for what was typed since is on its way: that,
  // too, if it still leads to the choice, and nothing if it does not.
  rangeFor(choice) {
    const { text, start, end } = this.offered;
    const endNow = end + this.text.length - text.length;
    const typed = this.text.slice(start, endNow);
    const isSame = this.text === text;
    const leadsThere = this.text === text.slice(0, start) + typed + text.slice(end) && choice.toLowerCase().includes(typed.toLowerCase());
    return isSame || leadsThere ? [start, endNow] : [];
  }

  replace(start, end, text) {
    this.field.focus();
    this.field.setRangeText(text, start, end, "end");
    this.field.dispatchEvent(new Event("input", { bubbles: true }));
  }

  close() {
    this.completeSoon.stop();
    this.completing.abort?.abort();
    this.list.hidden = true;
    this.list.replaceChildren();
    this.choices = [];
    this.chosen = -1;
    this.field.setAttribute("aria-expanded", "false");
    this.field.removeAttribute("aria-activedescendant");
    return true;
  }

  // Close the list; from here on nothing is half typed.
  leave() {
    this.close();
    if (this.answer) this.show();
    return true;
  }

  // ---------------------------------------------------------------- errors

  async check() {
    const text = this.text;
    if (!text.trim()) {
      this.answer = null;
      this.show();
      this.checked(null);
      return null;
    }
    const answer = await this.ask(this.checking, this.place.dataset.check, { text });
    if (!answer || this.text !== text) return null;
    this.answer = answer;
    this.show();
    if (answer.valid && this.isOpen) this.choose(-1);
    this.checked(answer);
    return answer;
  }

  // Show an error that a click on Ask brought, even when the text is only unfinished.
  complain(error) {
    this.answer = { valid: false, error };
    this.show({ isStrict: true });
  }

  show({ isStrict = false } = {}) {
    const error = this.answer?.error;
    const text = this.text;
    if (!error) {
      this.marks.textContent = text;
      this.say(this.answer?.heavy?.length ? [`${this.answer.heavy.join(", ")} starts a job on every endpoint that is asked.`] : []);
      this.field.removeAttribute("aria-invalid");
      return;
    }
    // A word with choices is being typed, and what stands at the end only begins.
    const isUnfinished = error.start >= text.trimEnd().length || (this.isOpen && this.chosen >= 0 && this.field.selectionEnd === error.end);
    if (isUnfinished && !isStrict) {
      this.marks.textContent = text;
      this.say(this.isOpen ? [] : ["Goes on with ", this.wordsOf(error)], "is-open");
      return;
    }
    const end = Math.max(error.end, error.start);
    this.marks.replaceChildren(text.slice(0, error.start), element("mark", { class: error.start === end ? "is-gap" : null, text: text.slice(error.start, end) }), text.slice(end));
    this.field.setAttribute("aria-invalid", "true");
    this.say([`${sentence(error.message)} `, this.choicesOf(error)], "is-wrong");
  }

  say(parts, tone = "") {
    this.standing.className = `q-standing v-help ${tone}`;
    this.standing.replaceChildren(...parts);
  }

  wordsOf({ expected }) {
    const words = expected.filter((word) => word !== "[" && word !== ":").slice(0, 5);
    return element("span", { text: words.length > 0 ? `${words.join(", ")}${expected.length > words.length ? ", …" : ""}` : "more" });
  }

  // What could have stood there, to be clicked: what looks like the wrong word before all.
  choicesOf(error) {
    const wanted = error.suggestions?.length ? error.suggestions : error.expected;
    const literal = wanted.filter((word) => !PLACEHOLDER.test(word)).slice(0, 5);
    if (literal.length === 0) return "";
    const label = error.suggestions?.length ? "Did you mean " : "Possible: ";
    return element(
      "span",
      {},
      label,
      ...literal.map((word) => {
        const button = element("button", { type: "button", class: "q-suggestion", text: word });
        button.addEventListener("click", () => this.replace(error.start, error.end, word.replace(/=?…\]?$/, "")));
        return button;
      }),
    );
  }

  async ask(line, url, body) {
    try {
      return await line.run((signal) => fetchJson(url, { body, signal }));
    } catch (error) {
      this.say([`${error.message}`], "is-wrong");
      return null;
    }
  }
}

function sentence(text) {
  const first = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.?!]$/.test(first) ? first : `${first}.`;
}
