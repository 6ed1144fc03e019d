// Pages show instants in UTC, as logs do. Pointing at one tells it in the user's own time zone, too.
"use strict";

(() => {
  const zone = new URL(document.currentScript.src).searchParams.get("zone") ?? "UTC";
  if (zone === "UTC") return;
  let written;
  try {
    written = new Intl.DateTimeFormat("en", {
      timeZone: zone,
      hourCycle: "h23",
      year: "numeric",
      month: "2-digit",
      day: "2-digit",
      hour: "2-digit",
      minute: "2-digit",
      second: "2-digit",
    });
  } catch (error) {
    // The console may know zones that this browser does not.
    if (error instanceof RangeError) return;
    throw error;
  }

  function inZone(instant) {
    const part = Object.fromEntries(written.formatToParts(instant).map(({ type, value }) => [type, value]));
    return `${part.year}-${part.month}-${part.day} ${part.hour}:${part.minute}:${part.second} ${zone}`;
  }

  function instantsOf(element) {
    if (element.dateTime) return [element.dateTime];
    const own = [...element.childNodes].filter((node) => node.nodeType === Node.TEXT_NODE);
    const spelled = own.map((node) => node.data).join(" ").matchAll(/(\d{4}-\d\d-\d\d) (\d\d:\d\d(?::\d\d(?:\.\d+)?)?) UTC/g);
    return [...spelled].map(([, day, time]) => `${day}T${time}Z`);
  }

  function tell(event) {
    const element = event.target.closest?.("time[datetime]") ?? event.target;
    const instants = instantsOf(element).map((text) => new Date(text)).filter((instant) => !Number.isNaN(instant.valueOf()));
    if (!instants.length) return;
    // A script of the page may have written another title since.
    if (element.title !== element.dataset.told) element.dataset.untold = element.title;
    element.title = [element.dataset.untold, ...instants.map(inZone)].filter(Boolean).join("\n");
    element.dataset.told = element.title;
  }

  document.addEventListener("pointerover", tell);
  document.addEventListener("focusin", tell);
})();
