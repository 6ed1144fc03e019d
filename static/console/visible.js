// Text of endpoints, made visible: control characters and marks that would reorder or hide text
// stand as signs, and nothing is ever interpreted as markup.

const HIDDEN = /[\p{Cc}\p{Cf}\p{Co}\p{Cs}\p{Cn}\p{Zl}\p{Zp}]/gu;

// "␊" for a line feed, "␛" for an escape, "⟨202E⟩" for a mark that turns the writing direction.
export function visible(text) {
  return String(text ?? "").replace(HIDDEN, (sign) => {
    const code = sign.codePointAt(0);
    if (code < 0x20) return String.fromCodePoint(0x2400 + code);
    if (code === 0x7f) return "␡";
    return `⟨${code.toString(16).toUpperCase().padStart(4, "0")}⟩`;
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
