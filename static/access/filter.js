// Narrow a list or a table to the rows that contain every word that was typed, or to those that
// are ticked. Groups without a row left vanish with them.

const words = (text) => text.toLowerCase().split(/\s+/).filter(Boolean);

function narrow(list) {
  const field = document.querySelector(`[data-filter="#${list.id}"]`);
  const only = document.querySelector(`[data-filter-given="#${list.id}"]`);
  const wanted = words(field?.value ?? "");
  let shown = 0;
  for (const row of list.querySelectorAll("[data-filter-row]")) {
    const group = row.closest("[data-filter-group]");
    const heading = group?.querySelector("summary, .access-group")?.textContent ?? "";
    const text = `${heading} ${row.textContent} ${row.querySelector("[title]")?.title ?? ""}`.toLowerCase();
    const box = row.querySelector("input[type=checkbox]");
    const given = box ? box.checked : row.hasAttribute("data-given");
    const fits = wanted.every((word) => text.includes(word)) && (given || !only?.checked);
    row.hidden = !fits;
    shown += fits;
  }
  for (const group of list.querySelectorAll("[data-filter-group]")) {
    group.hidden = !group.querySelector("[data-filter-row]:not([hidden])");
  }
  const empty = list.parentElement.querySelector("[data-filter-empty]");
  if (empty) empty.hidden = shown > 0;
}

for (const control of document.querySelectorAll("[data-filter], [data-filter-given]")) {
  const list = document.querySelector(control.dataset.filter ?? control.dataset.filterGiven);
  control.addEventListener("input", () => narrow(list));
  // Enter must not send the form around it.
  control.addEventListener("keydown", (event) => event.key === "Enter" && event.preventDefault());
}
