// The field in which a script is written: CodeMirror with colours for the three languages.

const words = (text) => new Set(text.split(" "));

const LANGUAGES = {
  python: {
    comment: /^#.*/,
    keywords: words("False None True and as assert async await break class continue def del elif else except finally for from global if import in is lambda nonlocal not or pass raise return try while with yield"),
    variable: null,
    long: { open: /^(?:"""|''')/, close: (opened) => opened },
  },
  shell: {
    comment: /^#.*/,
    keywords: words("case do done elif else esac exit export fi for function if in local read return set shift then trap unset until while"),
    variable: /^\$(?:\{[^}]*\}|[\w@#?*!$-]+)/,
    long: null,
  },
  powershell: {
    comment: /^#.*/,
    keywords: words("begin break catch continue do else elseif end exit filter finally for foreach function if in param process return switch throw trap try until while"),
    variable: /^\$(?:\{[^}]*\}|[\w:?^$]+)/,
    long: { open: /^<#/, close: () => "#>" },
  },
};

function tokenizer(CM, { comment, keywords, variable, long }) {
  return CM.StreamLanguage.define({
    startState: () => ({ until: "" }),
    token(stream, state) {
      if (state.until) return readUntil(stream, state);
      if (stream.eatSpace()) return null;
      const opened = long && stream.match(long.open);
      if (opened) {
        state.until = long.close(opened[0]);
        return readUntil(stream, state);
      }
      if (stream.match(comment)) return "comment";
      if (variable && stream.match(variable)) return "variableName";
      if (stream.match(/^(?:"(?:[^"\\]|\\.)*"?|'(?:[^'\\]|\\.)*'?)/)) return "string";
      if (stream.match(/^\d[\w.]*/)) return "number";
      const word = stream.match(/^[A-Za-z_][\w-]*/);
      if (word) return keywords.has(word[0]) ? "keyword" : null;
      stream.next();
      return null;
    },
    languageData: { commentTokens: { line: "#" }, closeBrackets: { brackets: ["(", "[", "{", "'", '"'] } },
  });
}

function readUntil(stream, state) {
  if (stream.skipTo(state.until)) {
    stream.match(state.until);
    state.until = "";
  } else stream.skipToEnd();
  return "string";
}

export class ScriptField {
  constructor(parent, { text, language, changed }) {
    const CM = window.CodeMirror;
    this.CM = CM;
    this.language = new CM.Compartment();
    const colours = CM.HighlightStyle.define([
      { tag: CM.tags.keyword, color: "var(--v-accent)", fontWeight: "650" },
      { tag: CM.tags.string, color: "var(--v-good)" },
      { tag: CM.tags.number, color: "var(--v-warn)" },
      { tag: CM.tags.variableName, color: "var(--v-warn)" },
      { tag: CM.tags.comment, color: "var(--v-muted)", fontStyle: "italic" },
    ]);
    this.view = new CM.EditorView({
      doc: text,
      parent,
      extensions: [
        CM.basicSetup,
        CM.EditorView.lineWrapping,
        CM.EditorView.contentAttributes.of({ "aria-label": "Script", "aria-describedby": "contract-head" }),
        CM.placeholder("Print one row a line."),
        this.language.of(tokenizer(CM, LANGUAGES[language])),
        CM.syntaxHighlighting(colours),
        CM.EditorView.updateListener.of((update) => update.docChanged && changed()),
      ],
    });
  }

  get text() {
    return this.view.state.doc.toString();
  }

  set text(text) {
    this.view.dispatch({ changes: { from: 0, to: this.view.state.doc.length, insert: text } });
  }

  speak(language) {
    this.view.dispatch({ effects: this.language.reconfigure(tokenizer(this.CM, LANGUAGES[language])) });
  }

  focus() {
    this.view.focus();
  }
}
