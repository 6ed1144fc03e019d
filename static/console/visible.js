// Text of endpoints, made visible: control characters and marks that would reorder or hide text
// stand as signs, and nothing is ever interpreted as markup.

const HIDDEN = /[\p{Cc}\p{Cf}\p{Co}\p{Cs}\p{Cn}\p{Zl}\p{Zp}]/gu;

// By their names: the signs that Unicode has for them are missing in many fonts.
const CONTROLS = (
  "NUL SOH STX ETX EOT ENQ ACK BEL BS TAB LF VT FF CR SO SI " +
  "DLE DC1 DC2 DC3 DC4 NAK SYN ETB CAN EM SUB ESC FS GS RS US"
).split(" ");

// "⟨LF⟩" for a line feed, "⟨ESC⟩" for an escape, "⟨202E⟩" for a mark that turns the direction.
export function visible(text) {
  return String(text ?? "").replace(HIDDEN, (sign) => {
    const code = sign.codePointAt(0);
    return `⟨${CONTROLS[code] ?? code.toString(16).toUpperCase().padStart(4, "0")}⟩`;
  });
}

// Make an element. `text` becomes text, every other property an attribute; `null` leaves it out.
export function element(tag, { text, ...attributes } = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined && value !== false) made.setAttribute(name, value);
  }
  if (text !== undefined && text !== null) made.textContent = text;
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}
