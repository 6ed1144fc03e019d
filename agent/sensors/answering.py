"""Answer one question: decide the filter, run the selections, combine and cut their rows.

The first sensor's rows are combined with each of the second's, and so on: a sensor of one row
(the computer's name) stands beside every row of the others.
"""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Iterator, Sequence
from typing import Final
from uuid import UUID, uuid5

from agent.sensors.calls import Calls
from agent.sensors.collected import Collected
from protocol.instructions import AskQuestion
from protocol.messages import QuestionAnswered
from protocol.questions import (
    ANSWERED,
    FAILED,
    NOT_MATCHING,
    PART_BYTES,
    PARTS_AT_MOST,
    ROWS_AT_MOST,
    Filter,
    Selection,
    SensorCall,
    SensorFailure,
)
from sensors.calls import comparisons_in
from sensors.conditions import Rows, compile_filter, compile_row_condition
from sensors.exceptions import SensorsError

# MessagePack's header of a text and of a row.
VALUE_OVERHEAD_BYTES: Final = 5
# Room for everything in a part that is not rows.
PART_HEAD_BYTES: Final = 1024
NAME_CHARACTERS: Final = 200

Row = list[str]


def answer(question: AskQuestion, calls: Calls, *, endpoint_id: UUID) -> list[QuestionAnswered]:
    """Answer in as many parts as messages need; a part's id depends on nothing but its place."""
    began = time.monotonic()
    answering = _Answering(question, calls)
    outcome, rows, cut = answering.decide()
    failures = [
        SensorFailure(name=name, reason=reason) for name, reason in answering.failures.items()
    ]
    parts, uncut = _parted(
        rows, taken=_size([text for failed in failures for text in (failed.name, failed.reason)])
    )
    cut += len(rows) - uncut
    took = round((time.monotonic() - began) * 1_000_000)
    return [
        QuestionAnswered(
            id=uuid5(question.question_id, f"{endpoint_id}/{number}"),
            question_id=question.question_id,
            outcome=outcome,
            rows=part,
            cut=cut if number == 0 else 0,
            failures=failures if number == 0 else [],
            part=number,
            parts=len(parts),
            took=took,
        )
        for number, part in enumerate(parts)
    ]


class _Answering:
    """The decisions about one question; failures gather on the way, by the sensor's name."""

    def __init__(self, question: AskQuestion, calls: Calls) -> None:
        self._question = question
        self._calls = calls
        self.failures: dict[str, str] = {}

    def decide(self) -> tuple[str, list[Row], int]:
        """Return the outcome, the rows, and how many were left out."""
        try:
            condition = self._question.filter
            if condition is not None and not self._is_met(condition):
                # With a failure it is not known whether the filter is true here.
                return (FAILED if self.failures else NOT_MATCHING), [], 0
            selected = [self._select(selection) for selection in self._question.selections]
        except SensorsError as error:
            self._fail("question", f"This agent cannot evaluate it: {error}.")
            return FAILED, [], 0
        if not any(given.failure == "" for given in selected):
            return FAILED, [], 0
        rows, cut = _combined(
            [given.rows for given in selected],
            widths=[len(self._calls.columns_of(item.call)) for item in self._question.selections],
        )
        return ANSWERED, rows, cut + sum(given.cut for given in selected)

    def _is_met(self, condition: Filter) -> bool:
        for comparison in comparisons_in(condition):
            if self._calls.is_heavy(comparison.call):
                self._fail(comparison.call.name, "A sensor that starts a job cannot be a filter.")
                return False
        return compile_filter(condition, self._calls.columns_of)(self._read_rows)

    def _read_rows(self, call: SensorCall) -> Rows | None:
        if self._calls.is_foreign(call):
            # What only other systems have, this endpoint has not: that is known.
            return []
        given = self._calls.result_of(call)
        if given.failure:
            self._fail(call.name, given.failure)
            return None
        return given.rows

    def _select(self, selection: Selection) -> Collected:
        given = self._calls.result_of(selection.call)
        if given.failure:
            self._fail(selection.call.name, given.failure)
            return given
        if selection.only is None:
            return given
        wanted = compile_row_condition(selection.only, self._calls.columns_of(selection.call))
        return Collected(rows=[row for row in given.rows if wanted(row)], cut=given.cut)

    def _fail(self, name: str, reason: str) -> None:
        self.failures.setdefault(name[:NAME_CHARACTERS], reason)


def _combined(selected: Sequence[list[Row]], *, widths: Sequence[int]) -> tuple[list[Row], int]:
    """Combine the rows of all selections; return them and how many did not fit.

    A selection without rows leaves its columns empty where others have some.
    """
    if not any(selected):
        return [], 0
    filled = [rows or [[""] * width] for rows, width in zip(selected, widths, strict=True)]
    product = itertools.islice(itertools.product(*filled), ROWS_AT_MOST)
    rows = [list(itertools.chain.from_iterable(combined)) for combined in product]
    return rows, math.prod(map(len, filled)) - len(rows)


def _parted(rows: Sequence[Row], *, taken: int) -> tuple[list[list[Row]], int]:
    """Part rows into messages; return the parts and how many rows are in them.

    Of the first part, `taken` bytes are in use already.
    """
    parts: list[list[Row]] = [[]]
    room = PART_BYTES - PART_HEAD_BYTES
    left = room - taken
    for number, row in enumerate(_narrowed(rows, room)):
        size = _size(row)
        if size > left:
            if len(parts) == PARTS_AT_MOST:
                return parts, number
            parts.append([])
            left = room
        parts[-1].append(row)
        left -= size
    return parts, len(rows)


def _narrowed(rows: Sequence[Row], room: int) -> Iterator[Row]:
    """Cut the values of rows that no part could hold."""
    for row in rows:
        if _size(row) <= room:
            yield row
            continue
        share = room // len(row) - VALUE_OVERHEAD_BYTES - 1
        yield [value.encode()[:share].decode("utf-8", "ignore") for value in row]


def _size(row: Row) -> int:
    return VALUE_OVERHEAD_BYTES + sum(len(value.encode()) + VALUE_OVERHEAD_BYTES for value in row)
