// The editor of a user's own sensor: what is typed becomes a draft, which is tested and saved.

import { element } from "../console/visible.js";
import { fetchJson } from "./requests.js";
import { ColumnRows, ParameterRows, variableOf } from "./sensor_rows.js";
import { ScriptField } from "./sensor_script.js";
import { Trial } from "./sensor_trial.js";

const KIB = 1024;

const EXAMPLES = {
  python: { columns: [["Mount", "path"], ["Free", "bytes"]], script: 'import os\n\nfor line in open("/proc/mounts"):\n    device, mount = line.split()[:2]\n    if device.startswith("/dev/"):\n        space = os.statvfs(mount)\n        print(mount, space.f_bavail * space.f_frsize, sep="|")\n' },
  shell: { columns: [["Mount", "path"], ["Free", "bytes"]], script: "df --block-size=1 --output=target,avail |\n    tail -n +2 |\n    while read -r mount free; do\n        echo \"$mount|$free\"\n    done\n" },
  powershell: { columns: [["Service", "text"], ["Status", "text"]], script: "Get-Service | ForEach-Object {\n    \"$($_.Name)|$($_.Status)\"\n}\n" },
};
const READS = {
  python: (variable, number) => `os.environ["${variable}"] or sys.argv[${number}]`,
  shell: (variable, number) => `"$${variable}" or "$${number}"`,
  powershell: (variable, number) => `$env:${variable} or $args[${number - 1}]`,
};

const page = JSON.parse(document.getElementById("sensor-page").textContent);
const form = document.getElementById("sensor-form");
const { draft } = page;
let dirty = false;

const byId = (id) => document.getElementById(id);
const errorsAt = (path) => document.querySelector(`[data-error="${CSS.escape(path)}"]`);

function changed() {
  dirty = true;
  byId("dirty").textContent = "Not saved yet.";
  explain();
}

// ------------------------------------------------------------------ fields

for (const name of ["name", "category", "description", "timeout"]) form.elements[name].value = draft[name];
form.elements.content_set.value = draft.content_set ?? "";
form.elements.separator.value = draft.separator.replaceAll("\t", "\\t");
form.elements.output_limit.value = draft.output_limit / KIB;
form.elements.language.value = draft.language;
form.elements.cost.value = draft.cost;
for (const box of form.elements.platforms) box.checked = draft.platforms.includes(box.value);

const script = new ScriptField(byId("script"), { text: draft.script, language: draft.language, changed });
const columns = new ColumnRows({ list: byId("columns"), items: draft.columns, types: page.value_types, changed });
const parameters = new ParameterRows({ list: byId("parameters"), items: draft.parameters, types: page.parameter_types, changed });
byId("add-column").addEventListener("click", () => columns.add({ name: "", type: "text" }));
byId("add-parameter").addEventListener("click", () => parameters.add({ key: "", title: "", type: "text", default: "", help: "", choices: [], common_uses: [] }));

const language = () => form.elements.language.value;
const separator = () => form.elements.separator.value.replaceAll("\\t", "\t");

function offerPlatforms(choose) {
  const possible = page.runs_on[language()];
  for (const box of form.elements.platforms) {
    box.disabled = !possible.includes(box.value);
    if (box.disabled) box.checked = false;
    else if (choose) box.checked = true;
  }
}

function speak() {
  script.speak(language());
  offerPlatforms(true);
  changed();
}
for (const radio of form.elements.language) radio.addEventListener("change", speak);
offerPlatforms(false);

// What stands beside the script follows what is written.
function explain() {
  byId("contract-separator").textContent = form.elements.separator.value || "?";
  const named = draft.parameters.filter(({ key }) => key);
  byId("variables").replaceChildren(...named.flatMap(({ key, title }, number) => [element("dt", { text: title || key }), element("dd", { class: "v-mono", text: READS[language()](variableOf(key), number + 1) })]));
  byId("insert-example").disabled = script.text.trim() !== "";
  trial?.showParameters(draft.parameters);
}

byId("insert-example").addEventListener("click", () => {
  const example = EXAMPLES[language()];
  if (draft.columns.every(({ name }) => !name.trim())) columns.replace(example.columns.map(([name, type]) => ({ name, type })));
  script.text = example.script;
  script.focus();
});

const number = (text) => (text.trim() === "" || !Number.isFinite(Number(text)) ? null : Number(text));

function written() {
  const fields = form.elements;
  const limit = number(fields.output_limit.value);
  return {
    name: fields.name.value,
    description: fields.description.value,
    category: fields.category.value,
    content_set: number(fields.content_set.value),
    language: language(),
    script: script.text,
    columns: draft.columns,
    parameters: draft.parameters,
    platforms: [...fields.platforms].filter((box) => box.checked).map((box) => box.value),
    cost: fields.cost.value,
    separator: separator(),
    timeout: number(fields.timeout.value),
    output_limit: limit === null ? null : Math.round(limit * KIB),
    note: fields.note.value,
    version: draft.version,
  };
}

// ------------------------------------------------------------------ refusals

function forget() {
  byId("refusal").textContent = "";
  for (const place of document.querySelectorAll("[data-error]")) place.textContent = "";
  for (const field of document.querySelectorAll("[aria-invalid]")) field.removeAttribute("aria-invalid");
}

function showRefusal(refusal) {
  forget();
  const homeless = [];
  for (const [path, texts] of Object.entries(refusal.problem?.errors ?? {})) {
    const place = errorsAt(path);
    if (!place) {
      if (!path.startsWith("values.")) homeless.push(...texts);
      continue;
    }
    place.textContent = texts.join(" ");
    place.parentElement.querySelector("input, select, textarea")?.setAttribute("aria-invalid", "true");
  }
  const wrong = [...document.querySelectorAll("[data-error]")].find((place) => place.textContent);
  if (wrong) {
    wrong.parentElement.scrollIntoView({ block: "center" });
    wrong.parentElement.querySelector("input, select, textarea, .cm-content")?.focus({ preventScroll: true });
  }
  return homeless;
}

// ------------------------------------------------------------------ saving

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const button = byId("save");
  button.disabled = true;
  forget();
  try {
    const { url } = await fetchJson(page.save, { body: written() });
    dirty = false;
    location.assign(url);
  } catch (refusal) {
    const homeless = showRefusal(refusal);
    byId("refusal").textContent = [refusal.message, ...homeless.filter((text) => text !== refusal.message)].join(" ");
    button.disabled = false;
  }
});

form.addEventListener("input", (event) => {
  changed();
  // What is being mended is not wrong any more, as far as one knows.
  const place = event.target.closest(".v-field")?.querySelector("[data-error]");
  if (place) place.textContent = "";
  event.target.removeAttribute("aria-invalid");
});
// Enter in a field must not save what may run as root everywhere.
form.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && event.target.matches("input")) event.preventDefault();
});
window.addEventListener("beforeunload", (event) => {
  if (dirty) event.preventDefault();
});

const trial = byId("trial-run") ? new Trial(byId("trial"), page, { draft: written, refused: showRefusal, begun: forget }) : null;
explain();
