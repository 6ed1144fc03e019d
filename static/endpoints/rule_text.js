// A rule as text: colours, completion by the server, and the wrong word underlined.

const CM = window.CodeMirror;

const language = CM.StreamLanguage.define({
  name: "rule",
  startState: () => ({}),
  token(stream) {
    if (stream.eatSpace()) return null;
    if (stream.match(/"(?:[^"\\]|\\.)*"?/)) return "string";
    if (stream.match(/(and|or|not)\b/i)) return "keyword";
    if (stream.match(/(is|containing|contains|starting|starts|ending|ends|with|matching|matches|in|cidr|empty|greater|less|than|at|least|most)\b/i)) return "operatorKeyword";
    if (stream.match(/[()[\]]/)) return "paren";
    if (stream.match(/[=!<>:]+/)) return "operator";
    stream.match(/[\w-]+/) || stream.next();
    return "propertyName";
  },
  languageData: { closeBrackets: { brackets: ["(", '"'] } },
});

const colours = CM.HighlightStyle.define([
  { tag: CM.tags.keyword, color: "var(--v-accent)", fontWeight: "650" },
  { tag: CM.tags.operatorKeyword, color: "var(--v-text)" },
  { tag: CM.tags.propertyName, color: "var(--v-good)" },
  { tag: CM.tags.string, color: "var(--v-warn)" },
]);

export class RuleText {
  #view;
  #textarea;
  #isOurs = false;

  constructor(textarea, { changed, complete }) {
    this.#textarea = textarea;
    this.#view = new CM.EditorView({
      doc: textarea.value,
      extensions: [
        CM.basicSetup,
        CM.EditorView.lineWrapping,
        CM.EditorView.contentAttributes.of({ "aria-label": "Rule as text" }),
        CM.placeholder('Operating System containing "Debian" and not Label is "test"'),
        language,
        CM.syntaxHighlighting(colours),
        CM.autocompletion({ override: [(context) => this.#complete(context, complete)] }),
        CM.EditorView.updateListener.of((update) => {
          if (!update.docChanged) return;
          textarea.value = update.state.doc.toString();
          if (!this.#isOurs) changed();
        }),
      ],
    });
    textarea.hidden = true;
    textarea.required = false;
    textarea.parentElement.append(this.#view.dom);
  }

  get value() {
    return this.#textarea.value;
  }

  // Set by the builder: nobody typed, so nobody is told.
  set value(text) {
    const { doc } = this.#view.state;
    if (doc.toString() === text) return;
    this.#isOurs = true;
    this.#view.dispatch({ changes: { from: 0, to: doc.length, insert: text } });
    this.#isOurs = false;
  }

  mark(problem) {
    const { state } = this.#view;
    const found = problem ? [this.#diagnostic(state.doc, problem)] : [];
    this.#view.dispatch(CM.setDiagnostics(state, found));
  }

  #diagnostic(doc, problem) {
    const line = doc.line(Math.min(problem.line, doc.lines));
    const from = Math.min(line.from + problem.column - 1, line.to);
    const to = Math.min(from + Math.max(problem.length, 1), doc.length);
    return { from: from === to && from > 0 ? from - 1 : from, to, severity: "error", message: problem.detail };
  }

  async #complete(context, ask) {
    const text = context.state.doc.toString();
    if (!context.explicit && context.pos > 0 && /\s$/.test(text.slice(0, context.pos)) === false && !context.matchBefore(/\w+/)) return null;
    const answer = await ask(text, context.pos);
    if (!answer.choices?.length) return null;
    const options = answer.choices.map((choice) => ({ label: choice.text, detail: choice.detail.slice(0, 60), type: choice.kind }));
    return { from: answer.start, to: Math.max(answer.end, context.pos), options, filter: false };
  }
}
