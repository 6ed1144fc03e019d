// Searches as text: from the rows of the builder to the Signal language and, where it fits, back.

const UNWRITTEN = /[\p{C}\p{Zl}\p{Zp}]/u;
const SHORT = { "\\": "\\\\", "'": "\\'", "\r": "\\r", "\n": "\\n", "\t": "\\t" };
const LONG_FORM = { "\\r": "\r", "\\n": "\n", "\\t": "\t", "\\\\": "\\", "\\'": "'" };

// Put text into single quotes so that the language reads it back as it is.
export function quote(text) {
  const written = [...text].map((character) => {
    if (SHORT[character]) return SHORT[character];
    if (!UNWRITTEN.test(character)) return character;
    const bytes = new TextEncoder().encode(character);
    return [...bytes].map((byte) => `\\x${byte.toString(16).padStart(2, "0")}`).join("");
  });
  return `'${written.join("")}'`;
}

export const needsValue = (condition) => !condition.endsWith("null");

// Write one row; "" while its value is missing.
export function writeTerm({ property, condition, value }, type) {
  if (!needsValue(condition)) return `${property} ${condition}`;
  if (value === "") return "";
  const isNumber = type === "integer" && /^-?\d+$/.test(value.trim());
  return `${property} ${condition} ${isNumber ? value.trim() : quote(value)}`;
}

const CONDITIONS = [
  "is not null", "is null", "not starts with", "not ends with", "not contains", "not matches",
  "not in cidr", "is not", "starts with", "ends with", "contains", "matches", "in cidr", "is",
];
const TERM = new RegExp(
  `^\\s*([a-z]+\\.[a-z_0-9]+)\\s+(${CONDITIONS.map((words) => words.replaceAll(" ", "\\s+")).join("|")})(?=[\\s']|$)\\s*`,
  "i",
);
const VALUE = /^(?:'((?:[^'\\]|\\[rnt\\'])*)'|([^\s()'=!]+))\s*/;

// Read text as rows joined by AND; null when it says more than rows can show.
export function readRows(text) {
  const rows = [];
  let rest = text.trim();
  if (rest === "") return rows;
  for (;;) {
    const term = TERM.exec(rest);
    if (!term) return null;
    const row = { property: term[1].toLowerCase(), condition: term[2].toLowerCase().replace(/\s+/g, " "), value: "" };
    rest = rest.slice(term[0].length);
    if (needsValue(row.condition)) {
      const value = VALUE.exec(rest);
      if (!value) return null;
      row.value = value[1] === undefined ? value[2] : value[1].replace(/\\[rnt\\']/g, (escape) => LONG_FORM[escape]);
      rest = rest.slice(value[0].length);
    }
    rows.push(row);
    if (rest === "") return rows;
    const and = /^and\b\s*/i.exec(rest);
    if (!and) return null;
    rest = rest.slice(and[0].length);
  }
}
