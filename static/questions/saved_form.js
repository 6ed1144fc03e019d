// The form of a saved question: the input with its completion, and the schedule's fields.

import { QuestionInput } from "./question_input.js";

const form = document.getElementById("saved-form");
const input = new QuestionInput(form.querySelector("[data-question-input]"), {
  entered: () => form.requestSubmit(),
});
if (input.text) input.checkSoon.now();

const scheduled = form.elements.is_scheduled;
const showSchedule = () => {
  for (const field of [form.elements.every, form.elements.unit]) field.classList.toggle("is-idle", !scheduled.checked);
};
scheduled.addEventListener("change", showSchedule);
// Whoever says how often means it.
form.elements.every.addEventListener("input", () => {
  scheduled.checked = form.elements.every.value !== "";
  showSchedule();
});
showSchedule();
