"""Match one text against many patterns at once.

A rule set may hold hundreds of patterns of host names. RE2 runs all of them over a text together,
in about the time of one.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import re2

from sensors.conditions import MATCHED_LENGTH
from sensors.patterns import compile_pattern

# A set whose program does not fit into its memory would find nothing, and say nothing. Programs
# are counted in instructions of 16 bytes; a state of RE2's automaton has up to 4 for each.
_INSTRUCTIONS: Final = 20_000
_MEMORY: Final = 64 * 1024 * 1024


class PatternSet:
    """Patterns, each by the number that `add` gave it. Close it before the first match."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self._sizes: list[int] = []
        self._sets: list[tuple[int, Any]] = []

    def add(self, pattern: str) -> int:
        """Add a pattern and return its number. Raises `ConditionRefused`."""
        number = self._numbers.get(pattern)
        if number is None:
            compiled: Any = compile_pattern(pattern)
            number = self._numbers[pattern] = len(self._numbers)
            self._sizes.append(compiled.programsize)
        return number

    def close(self) -> None:
        """Compile what was added."""
        together: Any = None
        size = 0
        for pattern, number in self._numbers.items():
            size += self._sizes[number]
            if together is None or size > _INSTRUCTIONS:
                together, size = re2.Set.FullMatchSet(_options()), self._sizes[number]
                self._sets.append((number, together))
            together.Add(pattern)
        for _, together in self._sets:
            together.Compile()

    def match(self, cells: Iterable[str]) -> set[int]:
        """Return the numbers of the patterns that match the whole of any cell."""
        found: set[int] = set()
        for cell in cells:
            if len(cell) > MATCHED_LENGTH:
                continue
            text = cell.encode("utf-8", "replace")
            for start, together in self._sets:
                if matched := together.Match(text):
                    found.update(start + place for place in matched)
        return found


def _options() -> Any:
    options = re2.Options()
    options.log_errors = False
    options.max_mem = _MEMORY
    options.case_sensitive = False
    options.dot_nl = True
    return options
