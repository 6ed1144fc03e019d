"""Write workbooks of Excel: texts and exact numbers, never a formula, a link or a format."""

from __future__ import annotations

from collections.abc import Sequence
from typing import BinaryIO, Final

import xlsxwriter
from xlsxwriter.worksheet import Worksheet

from console.questions.export_formats import KEPT_DIGITS, NUMBERS, WriterOptions, short_decimal
from console.questions.export_rows import FileColumn
from sensors.values import read_whole

# Excel's own limits.
SHEET_ROWS: Final = 1_048_576
LONGEST_CELL: Final = 32_767
CUT: Final = "… (cut)"
_NOT_IN_XML: Final = dict.fromkeys((0xFFFE, 0xFFFF), "\N{REPLACEMENT CHARACTER}")


class ExcelWriter:
    """A workbook of texts and exact numbers; a sheet that is full is followed by another."""

    def __init__(
        self,
        stream: BinaryIO,
        columns: Sequence[FileColumn],
        options: WriterOptions,
        *,
        sheet_rows: int = SHEET_ROWS,
    ) -> None:
        self._book = xlsxwriter.Workbook(
            stream,
            {
                "constant_memory": True,
                "tmpdir": str(options.scratch),
                "strings_to_formulas": False,
                "strings_to_urls": False,
                "strings_to_numbers": False,
            },
        )
        self._bold = self._book.add_format({"bold": True})
        self._columns = columns
        self._is_number = [column.type in NUMBERS for column in columns]
        self._sheet_rows = sheet_rows
        self._sheets = 0
        self._sheet, self._place = self._next_sheet(), 1

    def __enter__(self) -> ExcelWriter:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        # A workbook that is given up still has scratch files to close.
        self._book.close()

    def write(self, row: Sequence[str]) -> None:
        """Write one row."""
        if self._place == self._sheet_rows:
            self._sheet, self._place = self._next_sheet(), 1
        for column, (cell, is_number) in enumerate(zip(row, self._is_number, strict=True)):
            number = _exact_number(cell) if is_number else None
            if number is not None:
                self._sheet.write_number(self._place, column, number)
            elif cell:
                self._sheet.write_string(self._place, column, _fitting(cell))
        self._place += 1

    def _next_sheet(self) -> Worksheet:
        self._sheets += 1
        name = "Answer" if self._sheets == 1 else f"Answer {self._sheets}"
        sheet: Worksheet = self._book.add_worksheet(name)
        sheet.freeze_panes(1, 0)
        for number, column in enumerate(self._columns):
            sheet.write_string(0, number, _fitting(column.label), self._bold)
        return sheet


def _fitting(cell: str) -> str:
    # XML has no place for these two, not even escaped.
    cell = cell.translate(_NOT_IN_XML)
    return cell if len(cell) <= LONGEST_CELL else cell[: LONGEST_CELL - len(CUT)] + CUT


def _exact_number(cell: str) -> int | float | None:
    whole = read_whole(cell)
    if whole is not None:
        return whole if abs(whole) < 10**KEPT_DIGITS else None
    return short_decimal(cell)
