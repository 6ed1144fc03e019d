// Forms and buttons with data-confirm ask first, in words that name what they are about to change.
"use strict";

(() => {
  function ask(question, act) {
    const dialog = document.createElement("dialog");
    dialog.setAttribute("aria-labelledby", "confirm-question");
    const text = document.createElement("p");
    text.id = "confirm-question";
    text.className = "v-confirm";
    text.textContent = question;
    const form = document.createElement("form");
    form.method = "dialog";
    form.className = "v-row";
    const yes = document.createElement("button");
    yes.value = "yes";
    yes.className = "v-button is-danger";
    yes.textContent = act;
    const no = document.createElement("button");
    no.value = "no";
    no.className = "v-button";
    no.autofocus = true;
    no.textContent = "Cancel";
    form.append(yes, no);
    dialog.append(text, form);
    document.body.append(dialog);
    return new Promise((resolve) => {
      dialog.addEventListener("close", () => {
        resolve(dialog.returnValue === "yes");
        dialog.remove();
      });
      dialog.showModal();
    });
  }

  document.addEventListener("submit", async (event) => {
    const form = event.target;
    const button = event.submitter;
    const question = button?.dataset.confirm ?? form.dataset.confirm;
    if (!question || form.dataset.confirmed) return;
    event.preventDefault();
    const act = (button?.textContent ?? "Continue").replace("…", "").trim();
    if (!(await ask(question, act))) return;
    form.dataset.confirmed = "yes";
    form.requestSubmit(button);
    delete form.dataset.confirmed;
  });
})();
