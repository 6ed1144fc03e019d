"""What of an answer is wanted in a file: the same words in the API, in a row and in a job."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from console.core.exceptions import InvalidInput
from console.questions.grid import GridRequest, columns_of
from console.questions.grid_sql import ColumnFilter, SortBy
from console.questions.models import AnswerExport, Question
from console.questions.selectors import KINDS

MOST_PARTS: Final = 64
LONGEST_TEXT: Final = 4096
ALL: Final = "all"


class FilterPart(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Only rows whose cell in `column`, counted from 0, compares so."""

    column: int
    operator: str
    value: str = ""


class SortPart(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Order by `column`, or by how often a row was given (null)."""

    column: int | None = None
    descending: bool = False


class ExportView(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The rows and the shape of a file.

    `merged`: each distinct row once with its count, in the order of the grid; else each row of
    each endpoint, by host name. `unanswered`: in the place of rows the endpoints that did not
    answer in full, `all` of them or those of one of `selectors.KINDS`. `columns` (from 0, none:
    all) are shown, in this order. `bom` and `raw` are about CSV: a byte order mark in front, and
    cells as they are where a spreadsheet would take them for formulas.
    """

    filters: tuple[FilterPart, ...] = ()
    search: str = ""
    sort: tuple[SortPart, ...] = ()
    group_by: tuple[int, ...] = ()
    columns: tuple[int, ...] = ()
    merged: bool = True
    unanswered: str = ""
    bom: bool = False
    raw: bool = False

    def grid_request(self) -> GridRequest:
        """Write it as the grid takes it."""
        return GridRequest(
            filters=tuple(
                ColumnFilter(column=each.column, operator=each.operator, value=each.value)
                for each in self.filters
            ),
            search=self.search,
            sort=tuple(
                SortBy(column=each.column, descending=each.descending) for each in self.sort
            ),
            group_by=self.group_by,
        )


def read_view(stored: object) -> ExportView:
    """Read a view from JSON. Raises `InvalidInput`."""
    try:
        view = msgspec.convert(stored, ExportView)
    except msgspec.ValidationError as error:
        raise InvalidInput("The view cannot be read.", errors={"view": [str(error)]}) from error
    texts = [view.search, *(part for each in view.filters for part in (each.operator, each.value))]
    lists = (view.filters, view.sort, view.group_by, view.columns)
    if any(len(text) > LONGEST_TEXT for text in texts) or any(len(x) > MOST_PARTS for x in lists):
        reason = f"at most {MOST_PARTS} parts with {LONGEST_TEXT} characters each"
        raise InvalidInput("The view is too large.", errors={"view": [reason]})
    return view


def check_view(view: ExportView, question: Question, form: str) -> None:
    """Refuse what the grid would not show, and what the format has not.

    Raises `InvalidInput`. Operators and values are checked when the rows are counted.
    """
    errors: list[str] = []
    width = len(columns_of(question))
    if not all(0 <= column < width for column in view.columns):
        errors.append("columns: there is no such column")
    if len(set(view.columns)) != len(view.columns):
        errors.append("columns: the same column twice")
    if not view.merged and (view.group_by or view.sort):
        errors.append("rows of endpoints stand by host name: neither sort nor group_by")
    if view.unanswered and view.unanswered not in (ALL, *KINDS):
        errors.append(f"unanswered: one of {', '.join((ALL, *KINDS))}")
    if view.unanswered and (view.filters or view.search or view.sort or view.columns):
        errors.append("who did not answer has no columns of the answer")
    if view.group_by and not set(view.columns) <= set(view.group_by):
        errors.append("columns: only those in group_by hold anything")
    if (view.bom or view.raw) and form != AnswerExport.Format.CSV:
        errors.append("bom and raw are of CSV")
    if errors:
        raise InvalidInput("The view does not fit.", errors={"view": errors})


def view_to_json(view: ExportView) -> dict[str, Any]:
    """Write a view as it is stored."""
    written: dict[str, Any] = msgspec.to_builtins(view)
    return written
