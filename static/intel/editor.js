// The Signal editor: colours, completion, and the server's own parser as the judge.
"use strict";

(() => {
  const form = document.querySelector("#signal-form");
  const textarea = form.querySelector("textarea[name=definition]");
  const standing = document.querySelector("#definition-standing");
  const properties = JSON.parse(document.querySelector("#signal-properties").textContent);
  const conditions = JSON.parse(document.querySelector("#signal-conditions").textContent);
  const csrf = form.querySelector("[name=csrfmiddlewaretoken]").value;
  const CM = window.CodeMirror;

  const signalLanguage = CM.StreamLanguage.define({
    name: "signal",
    startState: () => ({ inText: false }),
    token(stream, state) {
      if (state.inText) return readText(stream, state);
      if (stream.eatSpace()) return null;
      if (stream.eat("'")) {
        state.inText = true;
        return readText(stream, state);
      }
      if (stream.match(/(and|or|not)\b/i)) return "keyword";
      if (stream.match(/[a-z]+\.[a-z_0-9]+/i)) return "propertyName";
      if (stream.match(/(is|contains|starts|ends|with|matches|in|cidr|null)\b/i)) return "operatorKeyword";
      if (stream.match(/[()]/)) return "paren";
      if (stream.match(/[=!]+/)) return "operator";
      stream.match(/[^\s()'=!]+/) || stream.next();
      return "string";
    },
    languageData: { closeBrackets: { brackets: ["(", "'"] } },
  });

  function readText(stream, state) {
    while (!stream.eol()) {
      const character = stream.next();
      if (character === "\\") stream.next();
      else if (character === "'") {
        state.inText = false;
        break;
      }
    }
    return "string";
  }

  const colours = CM.HighlightStyle.define([
    { tag: CM.tags.keyword, color: "var(--v-accent)", fontWeight: "650" },
    { tag: CM.tags.operatorKeyword, color: "var(--v-text)" },
    { tag: CM.tags.propertyName, color: "var(--v-good)" },
    { tag: CM.tags.string, color: "var(--v-warn)" },
  ]);

  const completeWord = (context) => {
    const word = context.matchBefore(/[\w.]*/);
    if (!word || (word.from === word.to && !context.explicit)) return null;
    const options = [
      ...properties.map((label) => ({ label, type: "property" })),
      ...conditions.map((label) => ({ label, type: "function" })),
      ...["AND", "OR", "NOT"].map((label) => ({ label, type: "keyword" })),
    ];
    return { from: word.from, options, validFor: /^[\w.]*$/ };
  };

  const platforms = () => [...form.querySelectorAll("[name=platforms]:checked")].map((box) => box.value);

  function positionOf(doc, problem) {
    const line = doc.line(Math.min(Math.max(problem.line || 1, 1), doc.lines));
    const from = Math.min(line.from + Math.max((problem.column || 1) - 1, 0), line.to);
    return { from, to: Math.min(from + 1, doc.length) };
  }

  async function judge(view) {
    const definition = view.state.doc.toString();
    if (!definition.trim()) {
      standing.textContent = "";
      return [];
    }
    const response = await fetch(form.dataset.validate, {
      method: "POST",
      headers: { "Content-Type": "application/json", "X-CSRFToken": csrf },
      body: JSON.stringify({ definition, platforms: platforms() }),
    });
    const answer = await response.json();
    // From here on it is said below, and for the text as it is now.
    for (const refusal of form.querySelectorAll("[data-refusal]")) refusal.remove();
    if (response.ok && answer.valid) {
      const kinds = answer.kinds.map((kind) => (kind === "process" ? "process start" : kind)).join(", ");
      standing.textContent = [
        `Valid: ${answer.terms} of ${answer.term_limit} terms, evaluated on every ${kinds} event.`,
        ...answer.warnings,
      ].join(" ");
      standing.className = answer.warnings.length ? "v-caution" : "v-help";
      return [];
    }
    const problem = answer;
    const reason = problem.reason ?? problem.detail ?? "The definition was refused.";
    const place = problem.line ? `Line ${problem.line}, column ${problem.column}: ` : "";
    const expected = problem.expected?.length ? `; expected ${problem.expected.slice(0, 8).join(", ")}` : "";
    standing.textContent = `${place}${reason}${expected}`;
    standing.className = "v-error";
    return [{ ...positionOf(view.state.doc, problem), severity: "error", message: reason + expected }];
  }

  const view = new CM.EditorView({
    doc: textarea.value,
    extensions: [
      CM.basicSetup,
      CM.EditorView.lineWrapping,
      CM.EditorView.contentAttributes.of({ "aria-label": "Definition" }),
      CM.placeholder("process.path ends with '/curl' AND process.parent_path ends with 'sh'"),
      signalLanguage,
      CM.syntaxHighlighting(colours),
      CM.autocompletion({ override: [completeWord] }),
      CM.lintGutter(),
      CM.linter(judge, { delay: 300 }),
      CM.EditorView.updateListener.of((update) => {
        if (update.docChanged) textarea.value = update.state.doc.toString();
      }),
    ],
  });
  textarea.hidden = true;
  // The browser cannot focus a hidden field to complain about it; the server complains instead.
  textarea.required = false;
  textarea.parentElement.append(view.dom);

  for (const box of form.querySelectorAll("[name=platforms]")) {
    box.addEventListener("change", async () => {
      view.dispatch(CM.setDiagnostics(view.state, await judge(view)));
    });
  }
})();
