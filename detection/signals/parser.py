"""Read Signal text into an expression tree.

The grammar, one method of `_Parser` for each of its rules::

    disjunction = conjunction { OR conjunction }
    conjunction = factor { AND factor }
    factor      = NOT factor | "(" disjunction ")" | term
    term        = WORD IS [NOT] NULL
                | WORD ( IS [NOT] | "=" | "!=" ) value
                | WORD ( [NOT] text_condition | text_condition NOT ) value
    text_condition = CONTAINS | STARTS WITH | ENDS WITH | MATCHES | IN CIDR
    value       = WORD | QUOTED

One token decides each time, so the time is linear in the text. Whatever the text, the only outcome
besides a tree is a `SignalError` with the place: length and nesting are limited.

It is written by hand because the agent holds it in memory for months: a generated parser brings
its generator along.
"""

from __future__ import annotations

from collections.abc import Collection

from detection.exceptions import SignalSyntaxError, TooManyTerms, WrongPlatform
from detection.signals.expression import (
    Condition,
    Expression,
    Not,
    Term,
    all_of,
    any_of,
    counted_terms,
    terms_in,
)
from detection.signals.properties import PROPERTIES
from detection.signals.terms import make_null, make_term
from detection.signals.tokens import END, QUOTED, WORD, Token, read_tokens, unexpected

DEFAULT_TERM_LIMIT = 24
MAX_CHARACTERS = 256 * 1024
MAX_DEPTH = 64

_TEXT_CONDITIONS = {
    "contains": (Condition.CONTAINS, ""),
    "starts": (Condition.STARTS_WITH, "with"),
    "ends": (Condition.ENDS_WITH, "with"),
    "matches": (Condition.MATCHES, ""),
    "in": (Condition.IN_CIDR, "cidr"),
}
"""Each condition's first keyword, with the condition and its second keyword."""


def parse_expression(text: str) -> Expression:
    """Parse an expression of the Signal language, without a limit on its terms.

    Raises `SignalSyntaxError`, `UnknownProperty` or `InvalidValue`.
    """
    if len(text) > MAX_CHARACTERS:
        raise SignalSyntaxError(1, 1, f"the text is longer than {MAX_CHARACTERS} characters")
    _refuse_surrogates(text)
    return _Parser(text).whole()


def parse_signal(
    text: str,
    *,
    term_limit: int | None = DEFAULT_TERM_LIMIT,
    platforms: Collection[str] = (),
) -> Expression:
    """Parse a Signal and check what the parser alone cannot know.

    `platforms` are the operating systems it is for (`linux`, `windows`, `macos`); empty means
    all. `term_limit` counts unique terms (see `counted_terms`); None lifts it. Raises any
    `SignalError`.
    """
    expression = parse_expression(text)
    _refuse_too_many(expression, term_limit)
    _refuse_foreign(expression, platforms)
    return expression


def _refuse_surrogates(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        before = text[: error.start]
        line = before.count("\n") + 1
        column = error.start - (before.rfind("\n") + 1) + 1
        raise SignalSyntaxError(line, column, "the text is not valid Unicode") from error


def _refuse_too_many(expression: Expression, limit: int | None) -> None:
    if limit is None:
        return
    terms = list(counted_terms(expression))
    if len(terms) > limit:
        reason = f"{len(terms)} unique terms, at most {limit} are allowed"
        raise TooManyTerms(terms[limit].line, terms[limit].column, reason)


def _refuse_foreign(expression: Expression, platforms: Collection[str]) -> None:
    for term in terms_in(expression):
        available = PROPERTIES[term.property].platforms
        if platforms and not available.intersection(platforms):
            reason = f"{term.property} exists only on {', '.join(sorted(available))}"
            raise WrongPlatform(term.line, term.column, reason)


class _Parser:
    """Reads one text, looking one token ahead."""

    def __init__(self, text: str) -> None:
        self._tokens = read_tokens(text)
        self._token = next(self._tokens)
        # What was looked for at this token in vain: the rest of what could have stood there.
        self._missed: set[str] = set()
        self._depth = 0

    def whole(self) -> Expression:
        expression = self._disjunction()
        self._take(END)
        return expression

    def _disjunction(self) -> Expression:
        parts = [self._conjunction()]
        while self._skip("or"):
            parts.append(self._conjunction())
        return any_of(*parts)

    def _conjunction(self) -> Expression:
        parts = [self._factor()]
        while self._skip("and"):
            parts.append(self._factor())
        return all_of(*parts)

    def _factor(self) -> Expression:
        token = self._take("not", "(", WORD)
        if token.kind == WORD:
            return self._term(token)
        self._depth += 1
        if self._depth >= MAX_DEPTH:
            raise SignalSyntaxError(
                token.line, token.column, f"nested deeper than {MAX_DEPTH} levels"
            )
        expression: Expression
        if token.kind == "not":
            expression = Not(self._factor())
        else:
            expression = self._disjunction()
            self._take(")")
        self._depth -= 1
        return expression

    def _term(self, name: Token) -> Term:
        condition, negated = Condition.IS, False
        match self._take("is", "=", "!=", "not", *_TEXT_CONDITIONS).kind:
            case "is":
                negated = self._skip("not")
                if self._skip("null"):
                    return make_null(name, negated=negated)
            case "=" | "!=" as sign:
                negated = sign == "!="
            case "not":
                negated = True
                condition = self._text_condition(self._take(*_TEXT_CONDITIONS).kind)
            case first:
                condition = self._text_condition(first)
                negated = self._skip("not")
        return make_term(name, condition, self._take(WORD, QUOTED), negated=negated)

    def _text_condition(self, keyword: str) -> Condition:
        condition, second = _TEXT_CONDITIONS[keyword]
        if second:
            self._take(second)
        return condition

    def _take(self, *kinds: str) -> Token:
        """Pass the token, which must be of one of these kinds."""
        token = self._token
        if token.kind not in kinds:
            raise unexpected(token, self._missed.union(kinds))
        self._missed.clear()
        self._token = next(self._tokens, token)
        return token

    def _skip(self, kind: str) -> bool:
        """Pass the token if it is of this kind."""
        if self._token.kind == kind:
            self._take(kind)
            return True
        self._missed.add(kind)
        return False
