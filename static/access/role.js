// Ticking a permission ticks what comes with it, and keeps that from being taken away alone. The
// server adds the same; here one only sees it at once.

const listed = (text, separator) => (text ?? "").split(separator).filter(Boolean);

/** Tick and lock whatever comes with the chosen boxes or with `granted`; return what is ticked. */
function follow(all, chosen, granted = []) {
  const provided = new Set(granted);
  const waiting = [...chosen, ...granted];
  const seen = new Set();
  while (waiting.length) {
    const key = waiting.pop();
    if (seen.has(key)) continue;
    seen.add(key);
    for (const other of listed(all.get(key)?.dataset.provides, " ")) {
      provided.add(other);
      waiting.push(other);
    }
  }
  for (const [key, box] of all) {
    box.disabled = provided.has(key);
    box.checked = provided.has(key) || chosen.has(key);
  }
}

function group(form, name) {
  const boxes = [...form.querySelectorAll(`input[name="${name}"]`)];
  return {
    all: new Map(boxes.map((box) => [box.value, box])),
    stored: new Set(boxes.filter((box) => box.checked).map((box) => box.value)),
    chosen: new Set(boxes.filter((box) => box.checked && !box.disabled).map((box) => box.value)),
  };
}

function changesIn({ all, stored }) {
  return [...all].filter(([key, box]) => box.checked !== stored.has(key)).length;
}

const form = document.querySelector("#powers");
const note = form?.querySelector("[data-changes]");
if (note) {
  const permissions = group(form, "permissions");
  const content = group(form, "content");
  const byGrant = new Map([...content.all.values()].map((box) => [box.dataset.grant, box.value]));

  const update = () => {
    follow(permissions.all, permissions.chosen);
    const granted = [...permissions.all.values()]
      .filter((box) => box.checked)
      .flatMap((box) => listed(box.dataset.grants, "|"))
      .map((grant) => byGrant.get(grant))
      .filter(Boolean);
    follow(content.all, content.chosen, granted);
    const changes = changesIn(permissions) + changesIn(content);
    note.closest(".access-save").classList.toggle("is-changed", changes > 0);
    note.textContent = changes ? `${changes} change${changes === 1 ? "" : "s"} not saved yet` : "";
  };

  form.addEventListener("change", ({ target }) => {
    const { chosen, stored } = { permissions, content }[target.name] ?? {};
    if (!chosen) return;
    if (target.checked) {
      chosen.add(target.value);
    } else {
      chosen.delete(target.value);
      // Whoever takes “write” away rarely means “read”, where the role had it already.
      for (const key of listed(target.dataset.provides, " ")) if (stored.has(key)) chosen.add(key);
    }
    update();
  });
}
