// Keyboard shortcuts of every page: / search, g then a letter to go, j and k in lists, ? help.
"use strict";

(() => {
  const PLACES = {
    h: ["Home", "/"],
    q: ["Questions", "/questions/"],
    a: ["Alerts", "/alerts/alert/"],
    i: ["Intel", "/intel/inteldocument/"],
    v: ["Live endpoints", "/live/"],
    e: ["Endpoints", "/endpoints/endpoint/"],
    t: ["Enrolment tokens", "/certificates/enrolmenttoken/"],
    u: ["Users", "/access/user/"],
    l: ["Audit log", "/audit/auditevent/"],
    c: ["Certificates", "/certificates/certificate/"],
  };
  const LIST_ROWS = "#result_list tbody tr, [data-list] [data-list-row]";
  let waitingForPlace = false;

  const isTyping = (target) =>
    target.isContentEditable || ["INPUT", "TEXTAREA", "SELECT"].includes(target.tagName);

  function moveInList(step) {
    const rows = [...document.querySelectorAll(LIST_ROWS)];
    if (rows.length === 0) return;
    const current = rows.findIndex((row) => row.classList.contains("is-current"));
    const next = Math.min(rows.length - 1, Math.max(0, current + step));
    rows[current]?.classList.remove("is-current");
    rows[next].classList.add("is-current");
    rows[next].scrollIntoView({ block: "nearest" });
  }

  function openCurrent() {
    const row = document.querySelector("#result_list tr.is-current, [data-list-row].is-current");
    const link = row?.matches("a") ? row : row?.querySelector("a[href]");
    if (!link) return false;
    link.click();
    return true;
  }

  function focusSearch() {
    const field = document.querySelector("[data-search], #searchbar, input[name=q]");
    if (!field) return false;
    field.focus();
    field.select?.();
    return true;
  }

  function showHelp() {
    let dialog = document.querySelector("#keyboard-help");
    if (!dialog) {
      dialog = document.createElement("dialog");
      dialog.id = "keyboard-help";
      const rows = [
        ["/", "search this page"],
        ["j  k", "next, previous row"],
        ["Enter", "open the row"],
        ...Object.entries(PLACES).map(([key, [name]]) => [`g  ${key}`, name]),
        ["?", "this list"],
      ];
      const title = document.createElement("h2");
      title.textContent = "Keyboard";
      const list = document.createElement("dl");
      for (const [keys, meaning] of rows) {
        const term = document.createElement("dt");
        for (const key of keys.split("  ")) {
          const cap = document.createElement("kbd");
          cap.textContent = key;
          term.append(cap, " ");
        }
        const text = document.createElement("dd");
        text.textContent = meaning;
        list.append(term, text);
      }
      const form = document.createElement("form");
      form.method = "dialog";
      const close = document.createElement("button");
      close.textContent = "Close";
      close.className = "v-button";
      form.append(close);
      dialog.append(title, list, form);
      document.body.append(dialog);
    }
    dialog.showModal();
  }

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
    if (waitingForPlace) {
      waitingForPlace = false;
      const place = PLACES[event.key];
      if (place) window.location.assign(place[1]);
      return;
    }
    const handled = {
      "/": focusSearch,
      g: () => (waitingForPlace = true),
      j: () => (moveInList(1), true),
      k: () => (moveInList(-1), true),
      Enter: openCurrent,
      "?": () => (showHelp(), true),
    }[event.key]?.();
    if (handled) event.preventDefault();
  });
})();
