"""Read a question's text from left to right, and remember what could have stood where.

The grammar asks the reader for words, signs, names, operators and values. Each request is noted
with its place: what was asked for where the text goes wrong is what the error expects, and what
was asked for at the cursor is what completion offers.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from enum import StrEnum
from typing import Final, NamedTuple

from sensors.conditions import Operator, operators_for
from sensors.definitions import Column, Parameter, ParameterType, SensorDefinition, ValueType
from sensors.exceptions import QuestionRefused
from sensors.language.names import Found, NameIndex, NameTree
from sensors.language.spelling import BARE, OPENING, OPERATOR_TREE, QUOTED, RESERVED, unquote

TEXT_BYTES: Final = 16 * 1024
TOKENS: Final = 1000
"""Words, signs and quotations that a text may have."""

_TOKEN = re.compile(r'"(?:[^"]|"")*+"|[“”„][^“”„]*[“”„]|\w+|[^\w\s]')
_BLANK = re.compile(r"\s*")
_BARE_PARAMETER = re.compile(r'[^\[\],"“”„]*')
_KEY = re.compile(r"([A-Za-z_][\w-]*)\s*=\s*")
_FOREIGN_QUOTES = ("'", "\u2018", "\u2019")
_SHOWN = 40
# Where a name that nobody knows ends: at a sign, a word of the language, an operator's first word.
_UNKNOWN_WORD = re.compile(r"[^\s\[\](),:\"“”„=<>!]+")
_ENDING_WORD = re.compile(
    r"and|or|from|with|where|not|is|(?:contain|equal|start|end|begin|match)(?:s|ing)?|greater|less"
    r"|more|at|in|does",
    re.IGNORECASE,
)


class Kind(StrEnum):
    """What something that may stand at a place is."""

    SENSOR = "sensor"
    COLUMN = "column"
    PARAMETER = "parameter"
    OPERATOR = "operator"
    VALUE = "value"
    GROUP = "group"
    KEYWORD = "keyword"


class Wish(NamedTuple):
    """Something that was asked for at a place; `words` are the texts that would have done.

    For a sensor there are none: all of them would, but of `compared` ones only those that answer at
    once. `details` explain the words. `settled` is set when it stood there.
    """

    at: int
    kind: Kind
    words: tuple[str, ...]
    details: tuple[str, ...] = ()
    settled: bool = False
    compared: bool = False


class Span(NamedTuple):
    """A part of the text, and what it says."""

    text: str
    start: int
    end: int


class Reader:
    """A place in a text. It always stands at the end or on something that is not blank."""

    def __init__(self, text: str, index: NameIndex) -> None:
        """Refuse a text that is too large to be read."""
        self.text = text
        self.index = index
        self.wishes: list[Wish] = []
        self.at = 0
        self._refuse_unreadable()
        self.move(0)

    def accept(self, word: str) -> bool:
        """Take a word of the language, or a sign, if it stands here."""
        self._wish(Kind.KEYWORD, word)
        return self._take(word)

    def expect(self, *words: str) -> None:
        """Take one of these, or refuse the text. The first is the one to name in errors."""
        self._wish(Kind.KEYWORD, words[0])
        if not any(self._take(word) for word in words):
            raise self.unexpected()

    def sensor_name(self, *, compared: bool = False) -> Found[SensorDefinition] | None:
        """Take the longest known name that stands here; None when there is none."""
        found: Found[SensorDefinition] | None
        if (quoted := QUOTED.match(self.text, self.at)) is not None:
            sensor = self.index.by_name(unquote(quoted))
            found = Found(sensor, quoted.end()) if sensor else None
        else:
            found = self.index.tree.longest_at(self.text, self.at)
        self._wish(Kind.SENSOR, settled=found is not None, compared=compared)
        if found is not None:
            self.move(found.end)
        return found

    def unknown_name(self) -> Span:
        """Tell what stands here in the place of a name, without taking it."""
        if (quoted := QUOTED.match(self.text, self.at)) is not None:
            return Span(unquote(quoted), self.at, quoted.end())
        end = place = self.at
        while (word := _UNKNOWN_WORD.match(self.text, place)) is not None:
            if _ENDING_WORD.fullmatch(word[0]):
                break
            end = word.end()
            place = _after_blanks(self.text, end)
        return Span(self.text[self.at : end], self.at, end)

    def column_name(self, columns: Sequence[Column]) -> str | None:
        """Take the name of one of these columns; None when there is none."""
        names = tuple(column.name for column in columns)
        self._wish(Kind.COLUMN, *names, details=tuple(column.type for column in columns))
        if (quoted := QUOTED.match(self.text, self.at)) is not None:
            said = unquote(quoted).casefold()
            name = next((name for name in names if name.casefold() == said), None)
            found = Found(name, quoted.end()) if name is not None else None
        else:
            found = NameTree((name, name) for name in names).longest_at(self.text, self.at)
        if found is None:
            return None
        self.move(found.end)
        return found.item

    def operator(self, columns: Sequence[Column]) -> tuple[Operator, Span] | None:
        """Take an operator, whether or not it suits the columns; None when there is none."""
        self._wish(Kind.OPERATOR, *operators_for(columns))
        found = OPERATOR_TREE.longest_at(self.text, self.at)
        if found is None:
            return None
        span = Span(self.text[self.at : found.end], self.at, found.end)
        self.move(found.end)
        return found.item, span

    def value(self, columns: Sequence[Column]) -> Span:
        """Take a value, quoted or bare, or refuse the text."""
        truths = len(columns) == 1 and columns[0].type is ValueType.BOOLEAN
        self._wish(Kind.VALUE, *(("True", "False") if truths else ()))
        return self._quoted_or(BARE)

    def group_name(self) -> str:
        """Take the name of a computer group, quoted or one word."""
        self._wish(Kind.GROUP)
        return self._quoted_or(BARE).text

    def parameter_key(self, parameters: Sequence[Parameter]) -> Span | None:
        """Take `key=`, whether or not there is such a parameter; None for a plain value."""
        keys = (f"{parameter.key}=" for parameter in parameters)
        titles = tuple(parameter.title for parameter in parameters)
        self._wish(Kind.PARAMETER, *keys, details=titles)
        found = _KEY.match(self.text, self.at)
        if found is None:
            return None
        span = Span(found[1], self.at, self.at + len(found[1]))
        self.move(found.end())
        return span

    def parameter_value(self, parameter: Parameter | None) -> Span:
        """Take a parameter's value: quoted, or everything up to the next comma or bracket."""
        self._wish(Kind.VALUE, *(_suggested(parameter) if parameter else ()))
        if self.text[self.at : self.at + 1] in tuple(OPENING):
            return self._quoted_or(BARE)
        found = _BARE_PARAMETER.match(self.text, self.at)
        said = found[0].rstrip() if found else ""
        span = Span(said, self.at, self.at + len(said))
        self._refuse_foreign_quote(span)
        self.move(span.end)
        return span

    def pass_over(self, *signs: str) -> None:
        """Take one of these signs if it stands here, without naming it in errors."""
        any(self._take(sign) for sign in signs)

    def stands_on(self, sign: str) -> bool:
        """Whether this sign stands here; that nobody asked for it."""
        return self.text.startswith(sign, self.at)

    def at_end(self) -> bool:
        """Whether nothing is left."""
        return self.at == len(self.text)

    def refusal(self, message: str, span: Span, expected: Sequence[str] = ()) -> QuestionRefused:
        """Make the error that refuses this part of the text."""
        before = self.text[: span.start]
        line = before.count("\n") + 1
        column = span.start - (before.rfind("\n") + 1) + 1
        return QuestionRefused(message, line, column, span.end - span.start, tuple(expected))

    def unexpected(self, hint: str = "") -> QuestionRefused:
        """Make the error that refuses what stands here, naming what was asked for."""
        found = _TOKEN.match(self.text, self.at)
        end = found.end() if found else len(self.text)
        span = Span(self.text[self.at : end], self.at, end)
        if self.at_end():
            message = "the text ends too early"
        elif span.text.startswith(tuple(OPENING)) and not QUOTED.match(self.text, self.at):
            message = "this quotation never ends"
        else:
            message = f"{shown(span.text)} cannot stand here"
        return self.refusal(message + hint, span, self._expected())

    def _expected(self) -> tuple[str, ...]:
        # Operators are many: they come last.
        here = sorted(
            (wish for wish in self.wishes if wish.at == self.at),
            key=lambda wish: wish.kind is Kind.OPERATOR,
        )
        named = (word for wish in here for word in _NAMED.get(wish.kind, wish.words))
        return tuple(dict.fromkeys(named))

    def _wish(
        self,
        kind: Kind,
        *words: str,
        details: tuple[str, ...] = (),
        settled: bool = False,
        compared: bool = False,
    ) -> None:
        self.wishes.append(Wish(self.at, kind, words, details, settled, compared))

    def _take(self, word: str) -> bool:
        found = _keyword(word).match(self.text, self.at)
        if found is None:
            return False
        self.move(found.end())
        return True

    def move(self, to: int) -> None:
        """Stand at this place, or behind the blanks there."""
        self.at = _after_blanks(self.text, to)

    def _quoted_or(self, bare: re.Pattern[str]) -> Span:
        quoted = QUOTED.match(self.text, self.at)
        found = quoted or bare.match(self.text, self.at)
        if found is None or (quoted is None and found[0].casefold() in RESERVED):
            raise self.unexpected()
        span = Span(unquote(found) if quoted else found[0], self.at, found.end())
        if not quoted:
            self._refuse_foreign_quote(span)
        self.move(span.end)
        return span

    def _refuse_foreign_quote(self, span: Span) -> None:
        if span.text.startswith(_FOREIGN_QUOTES):
            raise self.refusal(f"{span.text[0]} is no quotation mark here", span, ('"',))

    def _refuse_unreadable(self) -> None:
        try:
            size = len(self.text.encode())
        except UnicodeEncodeError as error:
            span = Span("", error.start, error.start + 1)
            raise self.refusal("the text is not valid Unicode", span) from error
        if size > TEXT_BYTES:
            raise self.refusal(f"the text is larger than {TEXT_BYTES // 1024} KiB", Span("", 0, 0))
        if "\0" in self.text:
            place = self.text.index("\0")
            raise self.refusal("a NUL character cannot stand here", Span("", place, place + 1))
        for number, token in enumerate(_TOKEN.finditer(self.text)):
            if number == TOKENS:
                message = f"the text has more than {TOKENS} words and signs"
                raise self.refusal(message, Span(token[0], token.start(), token.end()))


_NAMED: Final[dict[Kind, tuple[str, ...]]] = {
    Kind.SENSOR: ("a sensor",),
    Kind.VALUE: ("a value",),
    Kind.GROUP: ("a computer group",),
    Kind.PARAMETER: (),
}


def _after_blanks(text: str, place: int) -> int:
    found = _BLANK.match(text, place)
    return found.end() if found else place


@functools.cache
def _keyword(word: str) -> re.Pattern[str]:
    """Make the pattern of a word of the language, or of a sign; the grammar knows some twenty."""
    blank = r"\s+".join(re.escape(part) for part in word.split())
    return re.compile(blank + (r"(?!\w)" if word[-1].isalpha() else ""), re.IGNORECASE)


def _suggested(parameter: Parameter) -> tuple[str, ...]:
    if parameter.type is ParameterType.BOOLEAN:
        return ("0", "1")
    return tuple(dict.fromkeys((*parameter.choices, *parameter.common_uses)))


def shown(text: str) -> str:
    """Quote text for a message, cut when it is long."""
    return f"“{text}”" if len(text) <= _SHOWN else f"“{text[:_SHOWN]}…”"
