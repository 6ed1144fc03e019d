// A rule clicked together: groups of conditions, joined by all or any, each with its opposite.
// What it shows is the JSON form of `sensors.language`, with NOT kept at the part that it denies.

const NO_VALUE = new Set(["is empty", "is not empty"]);

export class RuleBuilder {
  #root;
  #choices;
  #changed;
  #tree = emptyGroup();

  constructor(root, choices, changed) {
    this.#root = root;
    this.#choices = new Map(choices.map((choice) => [choice.name.toLowerCase(), choice]));
    this.#changed = changed;
    this.#root.append(listOf("rule-names", choices.map((choice) => [choice.name, choice.category])));
    this.#draw();
  }

  // The JSON form; null while no condition is complete enough to be asked about.
  form() {
    return toForm(this.#tree);
  }

  show(form) {
    this.#tree = form ? asGroup(fromForm(form)) : emptyGroup();
    this.#draw();
  }

  // Mark the part at a path of the server's: `filter.parts[1].value`. "" unmarks all.
  mark(path) {
    for (const wrong of this.#root.querySelectorAll("[aria-invalid]")) wrong.removeAttribute("aria-invalid");
    const place = path.match(/^(filter(?:\.parts\[\d+\])*)/)?.[1];
    const row = place && [...this.#root.querySelectorAll("[data-path]")].find((one) => one.dataset.path === place);
    if (!row) return;
    const field = path.slice(place.length + 1).split(".")[0];
    const input = row.querySelector(`[data-field="${CSS.escape(field)}"]`) ?? row;
    input.setAttribute("aria-invalid", "true");
  }

  #draw() {
    const names = this.#root.querySelector("datalist");
    this.#root.replaceChildren(names, this.#group(this.#tree, null));
    number(this.#root, this.#tree);
  }

  #redraw() {
    this.#draw();
    this.#changed();
  }

  #group(group, parent) {
    const box = make("fieldset", "rule-group");
    group.box = box;
    const head = make("div", "v-row rule-head");
    head.append(
      this.#negation(group, "No endpoint of these"),
      choose([["and", "all of these"], ["or", "any of these"]], group.join, "How the conditions are joined", (value) => {
        group.join = value;
        this.#changed();
      }),
    );
    if (parent) head.append(this.#removal(group, parent, "Remove these conditions"));
    box.append(head);
    for (const part of group.parts) box.append(part.parts ? this.#group(part, group) : this.#comparison(part, group));
    const foot = make("div", "v-row");
    foot.append(
      button("add", "Condition", () => {
        group.parts.push(emptyComparison());
        this.#redraw();
        [...box.ownerDocument.querySelectorAll(".rule-line [data-field=sensor]")].at(-1)?.focus();
      }),
      button("data_object", "Group", () => {
        group.parts.push({ ...emptyGroup(), join: group.join === "and" ? "or" : "and" });
        this.#redraw();
      }),
    );
    box.append(foot);
    return box;
  }

  #comparison(part, parent) {
    const row = make("div", "rule-line");
    part.box = row;
    const choice = this.#choices.get(part.sensor.toLowerCase());
    row.append(this.#negation(part, "Deny this condition"));
    const name = field("sensor", part.sensor, "What is compared", "Computer Name, Label, …");
    name.setAttribute("list", "rule-names");
    name.addEventListener("change", () => {
      part.sensor = name.value.trim();
      Object.assign(part, { column: "", parameters: {}, operator: "" });
      this.#settle(part);
      this.#redraw();
    });
    row.append(name);
    if (choice?.parameters.length) row.append(...choice.parameters.map((one) => this.#parameter(part, one)));
    if (choice?.has_columns) {
      const columns = [["", "any column"], ...choice.columns.map((column) => [column.name, column.name])];
      row.append(choose(columns, part.column, "Column", (value) => {
        part.column = value;
        this.#settle(part);
        this.#redraw();
      }, "column"));
    }
    if (choice) {
      const operators = operatorsOf(choice, part.column).map((operator) => [operator, operator]);
      row.append(choose(operators, part.operator, "How it is compared", (value) => {
        part.operator = value;
        this.#redraw();
      }, "operator"));
    }
    if (choice && !NO_VALUE.has(part.operator)) row.append(...this.#value(part, choice));
    row.append(this.#removal(part, parent, "Remove this condition"));
    return row;
  }

  #value(part, choice) {
    const value = field("value", part.value, "Value", "value");
    value.addEventListener("input", () => {
      part.value = value.value;
      this.#changed();
    });
    if (!choice.values.length) return [value];
    const known = listOf(`values-of-${choice.name.replace(/\W/g, "-")}`, choice.values.map((one) => [one, ""]));
    value.setAttribute("list", known.id);
    return [known, value];
  }

  #parameter(part, parameter) {
    const input = field("parameters", part.parameters[parameter.key] ?? parameter.default ?? "", parameter.title, parameter.title);
    input.addEventListener("input", () => {
      part.parameters[parameter.key] = input.value;
      this.#changed();
    });
    return input;
  }

  #negation(part, title) {
    const toggle = make("button", "rule-not");
    toggle.type = "button";
    toggle.textContent = "not";
    toggle.title = title;
    toggle.setAttribute("aria-pressed", String(part.isNegated));
    toggle.addEventListener("click", () => {
      part.isNegated = !part.isNegated;
      this.#redraw();
    });
    return toggle;
  }

  #removal(part, parent, title) {
    const remove = button("close", "", () => {
      parent.parts.splice(parent.parts.indexOf(part), 1);
      this.#redraw();
    });
    remove.classList.add("rule-remove");
    remove.setAttribute("aria-label", title);
    return remove;
  }

  // The operator stays where the new column allows it.
  #settle(part) {
    const choice = this.#choices.get(part.sensor.toLowerCase());
    if (!choice) return;
    const allowed = operatorsOf(choice, part.column);
    if (!allowed.includes(part.operator)) part.operator = allowed.includes("is") && choice.values.length ? "is" : allowed[0];
  }
}

const emptyGroup = () => ({ join: "and", isNegated: false, parts: [] });
const emptyComparison = () => ({ isNegated: false, sensor: "", parameters: {}, column: "", operator: "", value: "" });
const asGroup = (node) => (node.parts ? node : { ...emptyGroup(), parts: [node] });
const operatorsOf = (choice, column) => choice.columns.find((one) => one.name === column)?.operators ?? choice.operators;

function fromForm(form) {
  if (form.op === "not") {
    const inner = fromForm(form.parts[0]);
    // Twice denied: the inner one keeps its own.
    return inner.isNegated ? { ...emptyGroup(), isNegated: true, parts: [inner] } : { ...inner, isNegated: true };
  }
  if (form.op) return { join: form.op, isNegated: false, parts: form.parts.map(fromForm) };
  return { ...emptyComparison(), ...form, parameters: { ...form.parameters } };
}

function toForm(node) {
  const plain = node.parts ? joined(node) : compared(node);
  return plain && node.isNegated ? { op: "not", parts: [plain] } : plain;
}

function joined(group) {
  const parts = group.parts.map(toForm).filter(Boolean);
  if (!parts.length) return null;
  return parts.length === 1 ? parts[0] : { op: group.join, parts };
}

function compared({ sensor, parameters, column, operator, value }) {
  if (!sensor || !operator || (!value && !NO_VALUE.has(operator))) return null;
  return { sensor, parameters, column, operator, value: NO_VALUE.has(operator) ? "" : value };
}

// Give each box the path that the server would name it by.
function number(root, tree, path = "filter") {
  const own = tree.isNegated ? `${path}.parts[0]` : path;
  if (!tree.parts) {
    tree.box.dataset.path = own;
    return;
  }
  const said = tree.parts.filter((part) => toForm(part));
  said.forEach((part, place) => number(root, part, said.length === 1 ? own : `${own}.parts[${place}]`));
}

function make(tag, className) {
  const element = document.createElement(tag);
  element.className = className;
  return element;
}

function field(name, value, label, placeholder) {
  const input = make("input", "v-input");
  input.value = value;
  input.placeholder = placeholder;
  input.autocomplete = "off";
  input.dataset.field = name;
  input.setAttribute("aria-label", label);
  return input;
}

function choose(options, chosen, label, changed, name = "") {
  const select = make("select", "v-input");
  select.setAttribute("aria-label", label);
  if (name) select.dataset.field = name;
  for (const [value, title] of options) select.add(new Option(title, value, false, value === chosen));
  select.addEventListener("change", () => changed(select.value));
  return select;
}

function listOf(id, options) {
  const list = document.createElement("datalist");
  list.id = id;
  for (const [value, label] of options) {
    const option = document.createElement("option");
    option.value = value;
    if (label) option.label = label;
    list.append(option);
  }
  return list;
}

function button(icon, title, act) {
  const made = make("button", "v-button");
  made.type = "button";
  const sign = make("span", "material-symbols-outlined");
  sign.setAttribute("aria-hidden", "true");
  sign.textContent = icon;
  made.append(sign, title);
  made.addEventListener("click", act);
  return made;
}
