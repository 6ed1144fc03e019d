// The rule of a computer group: clicked together or typed, both in step, with its members beside.
import { RuleBuilder } from "./rule_builder.js";
import { RuleText } from "./rule_text.js";

const PATIENCE = 250; // milliseconds after the last change

const form = document.querySelector("#group-form");
const csrf = form.querySelector("[name=csrfmiddlewaretoken]").value;
const standing = document.querySelector("#rule-standing");
const preview = document.querySelector("#rule-preview");
const read = (id) => JSON.parse(document.querySelector(id).textContent);

let latest = 0;
let timer;

async function post(address, body) {
  const response = await fetch(address, {
    method: "POST",
    headers: { "Content-Type": "application/json", "X-CSRFToken": csrf },
    body: JSON.stringify(body),
  });
  return { isGood: response.ok, answer: await response.json() };
}

const text = new RuleText(form.querySelector("textarea[name=rule]"), {
  changed: () => later({ rule: text.value }),
  complete: async (rule, position) =>
    (await post(form.dataset.complete, { rule, position })).answer,
});
const builder = new RuleBuilder(document.querySelector("#rule-builder"), read("#rule-choices"), () =>
  later({ form: builder.form() }),
);

function later(sent) {
  clearTimeout(timer);
  timer = setTimeout(() => attempt(sent), PATIENCE);
}

async function attempt(sent) {
  const mine = ++latest;
  if (sent.form === null || sent.rule?.trim() === "") {
    if (sent.form === null) text.value = "";
    else builder.show(null);
    say("", "");
    showMembers(null);
    return;
  }
  const group = form.dataset.group ? Number(form.dataset.group) : null;
  const { isGood, answer } = await post(form.dataset.preview, { ...sent, group });
  // An answer that was overtaken by a later change says nothing about what stands there now.
  if (mine !== latest) return;
  for (const refusal of form.querySelectorAll("[data-refusal]")) refusal.remove();
  builder.mark("");
  if (!isGood) {
    refuse(answer);
    return;
  }
  text.mark(null);
  if (sent.form !== undefined) text.value = answer.rule;
  else builder.show(answer.form);
  say("", "");
  showMembers(answer);
}

function refuse(problem) {
  const expected = problem.expected?.length ? `; expected ${problem.expected.slice(0, 8).join(", ")}` : "";
  const place = problem.line ? `Line ${problem.line}, column ${problem.column}: ` : "";
  text.mark(problem.line ? problem : null);
  if (problem.path) builder.mark(problem.path);
  say(`${place}${problem.detail ?? "The rule was refused."}${expected}`, "v-error");
  showMembers(null);
}

function say(sentence, tone) {
  standing.textContent = sentence;
  standing.className = tone || "v-help";
}

function showMembers(trial) {
  const list = preview.querySelector("[data-members]");
  const more = preview.querySelector("[data-more]");
  list.replaceChildren();
  preview.querySelector("[data-count]").textContent = trial ? trial.count.toLocaleString("en") : "";
  if (!trial) {
    more.textContent = "Write a rule to see whom it holds.";
    return;
  }
  for (const member of trial.members) {
    const row = document.createElement("li");
    row.className = "v-list-row member";
    row.textContent = member.host_name;
    list.append(row);
  }
  const hidden = trial.count - trial.members.length;
  more.textContent = hidden > 0 ? `and ${hidden.toLocaleString("en")} more` : trial.count ? "" : "It is true of no endpoint that you reach.";
}

builder.show(read("#rule-form"));
if (text.value.trim()) attempt({ rule: text.value });
