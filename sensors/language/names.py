"""Find names in a question's text: the longest known one that stands at a place.

Names hold blanks, commas, dashes and the language's own words (`Running Processes with Hash`), so
no lexer can part them from the rest without knowing them all. A tree of their words does, in time
proportional to the name found, however many are known.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from difflib import SequenceMatcher
from typing import Final, Generic, NamedTuple, TypeVar

from sensors.definitions import SensorDefinition

_ATOM: Final = re.compile(r"\s*(\w+|[^\w\s])")
_COMPARED: Final = 64
"""Characters of a name for which similar ones are looked for."""
_CANDIDATES: Final = 24
_SIMILAR: Final = 0.7
_SUGGESTIONS: Final = 3

Named = TypeVar("Named")


class Found(NamedTuple, Generic[Named]):
    """What a name stands for, and where the name ends."""

    item: Named
    end: int


class _Node(Generic[Named]):
    """What may follow the words read so far; `items` holds what is named by them."""

    __slots__ = ("items", "next")

    def __init__(self) -> None:
        self.next: dict[str, _Node[Named]] = {}
        self.items: list[Named] = []


class NameTree(Generic[Named]):
    """Names, word by word. Case and the blanks between words do not count."""

    def __init__(self, named: Iterable[tuple[str, Named]]) -> None:
        """Take names; of two equal ones the first counts."""
        self._root: _Node[Named] = _Node()
        for name, item in named:
            node = self._root
            for atom in _ATOM.findall(name.casefold()):
                node = node.next.setdefault(atom, _Node())
            node.items.append(item)

    def longest_at(self, text: str, start: int) -> Found[Named] | None:
        """Find the longest name that begins here, leading blanks skipped."""
        node: _Node[Named] | None = self._root
        at, found = start, None
        while (atom := _ATOM.match(text, at)) is not None:
            node = node.next.get(atom[1].casefold()) if node else None
            if node is None:
                break
            at = atom.end()
            if node.items:
                found = Found(node.items[0], at)
        return found


class NameIndex:
    """The sensors that a question may name: build it once, parse any number of texts with it."""

    def __init__(self, sensors: Iterable[SensorDefinition]) -> None:
        """Index names, and aliases that are no other sensor's name."""
        self._sensors = tuple(sensors)
        self._by_key = {sensor.key: sensor for sensor in self._sensors}
        self._exact: dict[str, SensorDefinition] = {}
        names = [(sensor.name, sensor) for sensor in self._sensors]
        names += [(alias, sensor) for sensor in self._sensors for alias in sensor.aliases]
        for name, sensor in names:
            self._exact.setdefault(level(name), sensor)
        self.tree = NameTree(names)
        self._names = {level(name): name for name, _ in reversed(names)}
        self._spelled = [
            (self._names[levelled], levelled, self._exact[levelled])
            for levelled in sorted(self._names)
        ]
        self._grams: dict[str, list[str]] | None = None

    def __iter__(self) -> Iterator[SensorDefinition]:
        """Yield the sensors in the order in which they were given."""
        return iter(self._sensors)

    def by_key(self, key: str) -> SensorDefinition | None:
        """Find a sensor by its key."""
        return self._by_key.get(key)

    def by_name(self, name: str) -> SensorDefinition | None:
        """Find a sensor by its whole name or an alias."""
        return self._exact.get(level(name))

    def levelled(self) -> Iterable[tuple[str, str, SensorDefinition]]:
        """List names and aliases: as spelled, as `level` spells them, and whose they are."""
        return self._spelled

    def similar(self, name: str) -> tuple[str, ...]:
        """Name the sensors that are spelled most like this, the best first."""
        wanted = level(name[:_COMPARED])
        shared = Counter(other for gram in grams_of(wanted) for other in self._having(gram))
        rated = [
            (SequenceMatcher(None, wanted, other).ratio(), other)
            for other, _ in shared.most_common(_CANDIDATES)
        ]
        best = sorted((pair for pair in rated if pair[0] >= _SIMILAR), reverse=True)
        return tuple(self._names[other] for _, other in best[:_SUGGESTIONS])

    def _having(self, gram: str) -> list[str]:
        # Only refusals need it: most indexes never pay for it.
        if self._grams is None:
            self._grams = {}
            for name in self._names:
                for part in grams_of(name):
                    self._grams.setdefault(part, []).append(name)
        return self._grams.get(gram, [])


def index_of(sensors: Iterable[SensorDefinition]) -> NameIndex:
    """Index sensors, unless they are indexed already."""
    return sensors if isinstance(sensors, NameIndex) else NameIndex(sensors)


def level(name: str) -> str:
    """Spell a name so that case and blanks do not count."""
    return " ".join(name.casefold().split())


def grams_of(name: str) -> set[str]:
    """Cut a levelled name into its overlapping parts of two characters."""
    padded = f" {name} "
    return {padded[place : place + 2] for place in range(len(padded) - 1)}
