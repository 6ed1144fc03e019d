"""Cut the text of a Signal into tokens, and say what is wrong with one that cannot stand there.

A keyword is a keyword wherever it stands, so that `process.path contains AND ...` is refused at
AND and not read as a value. Line breaks count as blanks.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import Final, NamedTuple

from detection.exceptions import SignalSyntaxError

WORD: Final = "word"
QUOTED: Final = "quoted"
END: Final = "end"
LONGEST_NAME: Final = 64

_WRONG: Final = "wrong"
_KEYWORDS: Final = {
    "and": "AND",
    "or": "OR",
    "not": "NOT",
    "is": "is",
    "null": "null",
    "contains": "contains",
    "starts": "starts with",
    "ends": "ends with",
    "with": "with",
    "matches": "matches",
    "in": "in cidr",
    "cidr": "cidr",
}
"""Every keyword, and how a reader is told that it could stand here."""
_FOREIGN_QUOTES: Final = '"\u2018\u2019\u201c\u201d'
# One of the groups matches wherever the one before ended.
_TOKEN: Final = re.compile(
    rf"""\s*(?:
      (?P<{WORD}>[^\s()'=!\\\x00-\x1f{_FOREIGN_QUOTES}]+)
    | (?P<{QUOTED}>'(?:[^'\\]|\\.)*')
    | (?P<sign>!=|[=()])
    | (?P<{END}>\Z)
    | (?P<{_WRONG}>.)
    )""",
    re.DOTALL | re.VERBOSE,
)
_SPELLINGS: Final = {**_KEYWORDS, QUOTED: "'value'", END: "the end"}


class Token(NamedTuple):
    """One word, quoted value (its quotes included) or sign; lines and columns count from 1.

    `kind` is `WORD`, `QUOTED`, `END`, or the keyword (in lower case) or the sign itself.
    """

    kind: str
    text: str
    line: int
    column: int


def read_tokens(text: str) -> Iterator[Token]:
    """Yield every token, at last an `END` at the place of the one before it.

    Raises `SignalSyntaxError` at a character that begins no token.
    """
    line, line_start, counted = 1, 0, 0
    token = Token(END, "", 1, 1)
    for found in _TOKEN.finditer(text):
        group = found.lastgroup or _WRONG
        if group == END:
            break
        start = found.start(group)
        if breaks := text.count("\n", counted, start):
            line, line_start = line + breaks, text.rindex("\n", counted, start) + 1
        counted = start
        token = Token(_kind_of(group, found[group]), found[group], line, start - line_start + 1)
        if group == _WRONG:
            raise _unexpected_character(token)
        yield token
    yield token._replace(kind=END)


def unexpected(token: Token, wanted: Collection[str]) -> SignalSyntaxError:
    """Say that a token cannot stand where one of the wanted kinds is needed."""
    word = "value" if QUOTED in wanted else "object.property"
    expected = {word if kind == WORD else _SPELLINGS.get(kind, kind) for kind in wanted}
    if token.kind == END:
        reason = "the expression ends too early"
    elif QUOTED in wanted and token.kind in _KEYWORDS:
        reason = f"{token.text} is a word of the language; as a value it needs single quotes"
    else:
        shown = token.text[:LONGEST_NAME] + ("…" if len(token.text) > LONGEST_NAME else "")
        reason = f"{shown} cannot stand here"
    return SignalSyntaxError(
        token.line, token.column, reason, tuple(sorted(expected, key=str.lower))
    )


def _kind_of(group: str, text: str) -> str:
    if group == "sign":
        return text
    return lowered if group == WORD and (lowered := text.lower()) in _KEYWORDS else group


def _unexpected_character(token: Token) -> SignalSyntaxError:
    character = token.text
    if character == "'":
        reason = "this quotation never ends"
    elif character in _FOREIGN_QUOTES:
        reason = f"{character} is no quotation mark here; use '"
    elif character == "\\":
        reason = "a value with a backslash needs single quotes"
    else:
        reason = f"{character!r} has no meaning outside single quotes"
    return SignalSyntaxError(token.line, token.column, reason)
