// The form of a sensor's parameters: what each is for, what it accepts, what it is often used with.

import { element } from "../console/visible.js";

// Draw the fields of `call` ({parameters}); `changed()` after each change.
export function parameterFields(sensor, call, changed) {
  call.parameters ??= {};
  return element("div", { class: "q-parameters" }, ...sensor.parameters.map((parameter) => parameterField(parameter, call, changed)));
}

function parameterField(parameter, call, changed) {
  const { key, title, help, common_uses: uses } = parameter;
  const field = inputFor(parameter, call.parameters[key] ?? parameter.default ?? "");
  const isNeeded = parameter.default === null || parameter.default === undefined;
  const set = (value) => {
    call.parameters[key] = value;
    changed();
  };
  field.addEventListener("input", () => set(field.type === "checkbox" ? (field.checked ? "1" : "0") : field.value));
  field.dataset.field = `parameters.${key}`;
  const chips = uses.map((use) => {
    const chip = element("button", { type: "button", class: "q-suggestion", text: use, title: `Fill in ${use}` });
    chip.addEventListener("click", () => {
      field.value = use;
      set(use);
    });
    return chip;
  });
  return element(
    "label",
    { class: "q-parameter" },
    element("span", { class: "v-help" }, element("strong", { class: "v-strong", text: title }), isNeeded ? " needed" : ""),
    field,
    help ? element("span", { class: "v-help", text: help }) : null,
    chips.length > 0 ? element("span", { class: "v-row q-uses" }, ...chips) : null,
  );
}

function inputFor({ type, choices, max_length: longest }, value) {
  if (type === "choice") return element("select", { class: "v-input" }, ...choices.map((choice) => element("option", { value: choice, text: choice, selected: choice === value })));
  if (type === "boolean") return element("input", { type: "checkbox", checked: ["1", "true"].includes(value) });
  const hints = { integer: { inputmode: "numeric" }, instant: { placeholder: "2024-05-01 13:30" }, "regular-expression": { placeholder: ".*", class: "v-input v-mono" } };
  return element("input", { class: "v-input", value, maxlength: longest, autocomplete: "off", spellcheck: "false", ...hints[type] });
}
