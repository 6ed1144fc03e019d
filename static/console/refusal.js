// The theme that was chosen in the console, on pages that are made without its shell.
"use strict";

(() => {
  const chosen = (localStorage.getItem("adminTheme") ?? "").replaceAll('"', "");
  const prefersDark = window.matchMedia("(prefers-color-scheme: dark)").matches;
  const isDark = chosen === "dark" || (chosen !== "light" && prefersDark);
  document.documentElement.classList.toggle("dark", isDark);
})();
