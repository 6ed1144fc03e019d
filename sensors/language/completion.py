"""Say how a text may go on at the cursor.

The text before the cursor is parsed leniently, and the reader tells what it asked for and where.
What is offered is all that begins like what stands between such a place and the cursor.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import zip_longest
from typing import Final, NamedTuple

import msgspec

from sensors.definitions import SensorDefinition
from sensors.exceptions import QuestionRefused
from sensors.language.names import NameIndex, index_of, level
from sensors.language.parser import Grammar
from sensors.language.reader import Kind, Wish
from sensors.language.spelling import OPENING, quote, spell_value

CHOICES: Final = 50
_WORD: Final = re.compile(r"\w*")
_LONGEST_TYPED: Final = 256
_DETAIL_LENGTH: Final = 160
# Behind these the next word needs no blank.
_NEEDS_NO_BLANK: Final = frozenset(" \t\r\n([,:=<>!")


class Choice(msgspec.Struct, frozen=True):
    """One way to go on. `kind` is a `reader.Kind`; `detail` explains it in a few words."""

    text: str
    kind: str
    detail: str = ""


class Completion(msgspec.Struct, frozen=True):
    """What may replace the text from `start` to `end` (in characters), the likeliest first."""

    start: int
    end: int
    choices: tuple[Choice, ...]


class _Offer(NamedTuple):
    """A choice that fits what is typed behind `at`; `continues` when it begins like that."""

    at: int
    choice: Choice
    continues: bool = True


def complete(
    text: str,
    position: int,
    sensors: Iterable[SensorDefinition],
    *,
    groups: Iterable[str] = (),
    only_filter: bool = False,
) -> Completion:
    """List what may stand at `position` (in characters, of the cursor) in an unfinished question.

    `sensors` and `groups` are what the asker may use; nothing else is ever named. `only_filter`:
    the text is a filter (`parse_filter`). Any text is allowed; where nothing fits, there are no
    choices.
    """
    cursor = min(max(position, 0), len(text))
    index = index_of(sensors)
    before = text[:cursor]
    offers = [
        offer
        for wish in _wishes(before, index, only_filter=only_filter)
        for offer in _offers(wish, before, index, tuple(groups))
    ]
    start = _start_of(offers, cursor)
    found = (_anchored(offer, start, before) for offer in _ranked(offers))
    choices = tuple(dict.fromkeys(choice for choice in found if choice is not None))
    return Completion(start, _end_of(text, start, cursor), choices[:CHOICES])


def _wishes(before: str, index: NameIndex, *, only_filter: bool) -> list[Wish]:
    try:
        grammar = Grammar(before, index, lenient=True)
    except QuestionRefused:
        return []
    try:
        grammar.whole_filter() if only_filter else grammar.question()
    except QuestionRefused:
        # An unfinished text: where it ends is where completion begins.
        return grammar.reader.wishes
    return grammar.reader.wishes


def _offers(wish: Wish, before: str, index: NameIndex, groups: tuple[str, ...]) -> Iterator[_Offer]:
    typed = before[wish.at :]
    if len(typed) > _LONGEST_TYPED or not (typed or _may_begin(before)):
        return
    sought = _level(typed.lstrip(OPENING))
    if wish.kind is Kind.SENSOR:
        yield from _sensor_offers(wish, sought, index)
        return
    words = groups if wish.kind is Kind.GROUP else wish.words
    for word, detail in zip_longest(words, wish.details[: len(words)], fillvalue=""):
        folded = word.casefold()
        sign = wish.kind is Kind.KEYWORD and not word[0].isalpha()
        if folded.startswith(sought) and folded != typed.casefold() and not sign:
            spelled = _spelled(wish.kind, word, quoted=typed.startswith(tuple(OPENING)))
            yield _Offer(wish.at, Choice(spelled, wish.kind, detail))


def _sensor_offers(wish: Wish, sought: str, index: NameIndex) -> Iterator[_Offer]:
    parts = sought.split()
    for name, folded, sensor in index.levelled():
        if wish.compared and not sensor.only_looks:
            continue
        begins = folded.startswith(sought)
        # A name that stands there already is not sought by its words.
        if folded == sought or not (begins or (parts and not wish.settled)):
            continue
        if begins or all(any(w.startswith(p) for w in folded.split()) for p in parts):
            yield _Offer(wish.at, _sensor_choice(name, sensor), begins)


def _sensor_choice(name: str, sensor: SensorDefinition) -> Choice:
    needed = any(parameter.default is None for parameter in sensor.parameters)
    return Choice(f"{name}[" if needed else name, Kind.SENSOR, sensor.description[:_DETAIL_LENGTH])


def _spelled(kind: Kind, word: str, *, quoted: bool) -> str:
    if kind is Kind.GROUP or (kind is Kind.VALUE and quoted):
        return quote(word)
    return spell_value(word) if kind is Kind.VALUE else word


def _ranked(offers: list[_Offer]) -> list[_Offer]:
    """Put what is typed in part first, the nearest to the cursor before; operators are many."""
    return sorted(
        offers,
        key=lambda offer: (
            not offer.continues,
            -offer.at,
            offer.choice.kind == Kind.OPERATOR,
        ),
    )


def _start_of(offers: list[_Offer], cursor: int) -> int:
    """Choose what to replace: the last word if that serves all choices, else more."""
    whole = [offer.at for offer in offers if not offer.continues]
    if whole:
        return min(whole)
    return max((offer.at for offer in offers), default=cursor)


def _anchored(offer: _Offer, start: int, before: str) -> Choice | None:
    """Make a choice replace the text from `start`; None when it does not go with what is there."""
    choice = offer.choice
    if offer.at >= start:
        return msgspec.structs.replace(choice, text=before[start : offer.at] + choice.text)
    kept = before[offer.at : start]
    if choice.text[: len(kept)].casefold() != kept.casefold():
        return None
    return msgspec.structs.replace(choice, text=choice.text[len(kept) :])


def _end_of(text: str, start: int, cursor: int) -> int:
    """Include the rest of the word in which the cursor stands, and the quote that closes it."""
    end = cursor
    if cursor and _WORD.fullmatch(text[cursor - 1]):
        found = _WORD.match(text, cursor)
        end = found.end() if found else cursor
    quoted = text[start : start + 1] in tuple(OPENING) and text[end : end + 1] in tuple(OPENING)
    return end + 1 if quoted else end


def _may_begin(before: str) -> bool:
    return not before or before[-1] in _NEEDS_NO_BLANK


def _level(typed: str) -> str:
    """Level blanks and case, but keep that a word has ended."""
    levelled = level(typed)
    return f"{levelled} " if levelled and typed[-1].isspace() else levelled
