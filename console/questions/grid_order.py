"""Filter, group and order rows where SQL cannot: as columns mean it everywhere else.

A million rows are in here at once: of each its number, its count, and what it is ordered by.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from console.questions.grid_sql import SortBy
from sensors.conditions import CellTest
from sensors.definitions import ValueType
from sensors.values import CELL_READERS, fold


@dataclass(slots=True, kw_only=True)
class RowOrder:
    """What is wanted of the rows, by columns; and the rows that were taken.

    `tests` are those that SQL left; `search` is looked for in all columns unless it is empty.
    """

    types: Sequence[ValueType]
    tests: Sequence[tuple[int, CellTest]] = ()
    search: str = ""
    sort: Sequence[SortBy] = ()
    group_by: Sequence[int] = ()
    _ids: array[int] = field(default_factory=lambda: array("q"))
    _counts: array[int] = field(default_factory=lambda: array("q"))
    _keys: dict[int, list[Any]] = field(default_factory=dict)
    _groups: dict[tuple[str, ...], int] = field(default_factory=dict)

    @property
    def columns(self) -> list[int]:
        """Return the columns that must be read: `take` gets their cells in this order."""
        if self.search:
            return list(range(len(self.types)))
        tested = (column for column, _ in self.tests)
        return sorted({*tested, *self.group_by, *self._sorting()})

    def taker(self) -> Callable[[int, int, Sequence[str]], None]:
        """Return what takes a row, its number, its count and its cells, if it is wanted."""
        places = {column: place for place, column in enumerate(self.columns)}
        tests = [(places[column], test) for column, test in self.tests]
        grouping = [places[column] for column in self.group_by]
        self._keys = {column: [] for column in self._sorting()}
        readers = [
            (keys.append, CELL_READERS[self.types[column]], places[column])
            for column, keys in self._keys.items()
        ]
        wanted = fold(self.search)

        def take(row_id: int, count: int, cells: Sequence[str]) -> None:
            if not all(test(cells[place]) for place, test in tests):
                return
            if wanted and not any(wanted in fold(each) for each in cells):
                return
            if grouping and self._joined(tuple(cells[each] for each in grouping), row_id, count):
                return
            self._ids.append(row_id)
            self._counts.append(count)
            for append, read, place in readers:
                append(read(cells[place]))

        return take

    def entries(self) -> array[int]:
        """Return number and count of each row that was taken, one after the other, in order."""
        order = sorted(range(len(self._ids)), key=self._ids.__getitem__)
        # The least important first: sorting is stable.
        for each in reversed(self.sort or (SortBy(descending=True),)):
            if each.column is None:
                order.sort(key=self._counts.__getitem__, reverse=each.descending)
            elif each.column in self._keys:
                keys = self._keys[each.column]
                known = [place for place in order if keys[place] is not None]
                known.sort(key=keys.__getitem__, reverse=each.descending)
                # What is not of the column's type comes last either way.
                order = [*known, *(place for place in order if keys[place] is None)]
        entries: array[int] = array("q")
        for place in order:
            entries.append(self._ids[place])
            entries.append(self._counts[place])
        return entries

    def _sorting(self) -> list[int]:
        columns = (each.column for each in self.sort if each.column is not None)
        return [each for each in columns if not self.group_by or each in self.group_by]

    def _joined(self, key: tuple[str, ...], row_id: int, count: int) -> bool:
        """Add a row to its group; tell whether there was one."""
        place = self._groups.setdefault(key, len(self._ids))
        if place == len(self._ids):
            return False
        self._counts[place] += count
        self._ids[place] = min(self._ids[place], row_id)
        return True
