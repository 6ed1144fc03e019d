"""Write tables into files: CSV, JSON Lines, Excel, Parquet; row by row, in little memory.

What endpoints said is hostile: no value becomes a formula, a link or markup in a program that opens
the file. `docs/api.md` says what each format does with values.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final, Protocol, TypeAlias

from django.utils.module_loading import import_string

from console.questions.export_rows import FileColumn
from console.questions.models import AnswerExport
from sensors.definitions import ValueType
from sensors.values import read_decimal, read_whole

Cell: TypeAlias = str | int | float | bool | None

# What a double keeps for certain, and Excel of it.
KEPT_DIGITS: Final = 15

# https://owasp.org/www-community/attacks/CSV_Injection
_FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r")
_PLAIN_NUMBER: Final = re.compile(r"[+-]?[0-9]+(?:\.[0-9]+)?", re.ASCII)
NUMBERS: Final = frozenset(
    {ValueType.INTEGER, ValueType.BYTES, ValueType.DECIMAL, ValueType.SECONDS}
)


class RowWriter(Protocol):
    """Takes rows of texts, one for each column; leaving its block completes the file."""

    def write(self, row: Sequence[str]) -> None:
        """Write one row."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WriterOptions:
    """What a writer must know besides. `bom` and `raw` are of CSV; see `ExportView`."""

    scratch: Path
    bom: bool = False
    raw: bool = False


@dataclass(frozen=True, slots=True)
class FileFormat:
    """One format. `writer` is the dotted name of its class.

    By name: the library behind one takes dozens of MiB of a program that may never write it.
    """

    suffix: str
    content_type: str
    writer: str

    def open(
        self, stream: BinaryIO, columns: Sequence[FileColumn], options: WriterOptions
    ) -> AbstractContextManager[RowWriter]:
        """Make a writer of rows on a binary stream, which stays the caller's."""
        made: AbstractContextManager[RowWriter] = import_string(self.writer)(
            stream, columns, options
        )
        return made


class CsvWriter:
    """RFC 4180 in UTF-8.

    A cell that a spreadsheet would take for a formula gets an apostrophe in front; numbers in
    columns of numbers stay as they are.
    """

    def __init__(
        self, stream: BinaryIO, columns: Sequence[FileColumn], options: WriterOptions
    ) -> None:
        encoding = "utf-8-sig" if options.bom else "utf-8"
        self._text = io.TextIOWrapper(stream, encoding=encoding, newline="", write_through=False)
        self._writer = csv.writer(self._text, lineterminator="\r\n")
        self._raw = options.raw
        self._is_number = [column.type in NUMBERS for column in columns]
        labels = [column.label for column in columns]
        self._writer.writerow(labels if self._raw else [disarm(label) for label in labels])

    def __enter__(self) -> CsvWriter:
        return self

    def __exit__(self, *_: object) -> None:
        # The stream is the caller's.
        self._text.detach()

    def write(self, row: Sequence[str]) -> None:
        """Write one row."""
        if self._raw:
            self._writer.writerow(row)
            return
        self._writer.writerow(
            [
                cell if is_number and _PLAIN_NUMBER.fullmatch(cell) else disarm(cell)
                for cell, is_number in zip(row, self._is_number, strict=True)
            ]
        )


class JsonLinesWriter:
    """One JSON object a line, by the columns' labels.

    Numbers and truth values are such where the text reads as one and reads back the same; an empty
    cell of theirs is null. Everything else is text.
    """

    def __init__(
        self, stream: BinaryIO, columns: Sequence[FileColumn], options: WriterOptions
    ) -> None:
        self._stream = stream
        self._columns = [(column.label, _JSON_CELLS.get(column.type, _text)) for column in columns]

    def __enter__(self) -> JsonLinesWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.flush()

    def write(self, row: Sequence[str]) -> None:
        """Write one row."""
        cells = {label: read(cell) for (label, read), cell in zip(self._columns, row, strict=True)}
        self._stream.write(json.dumps(cells, ensure_ascii=False).encode() + b"\n")


def disarm(cell: str) -> str:
    """Put an apostrophe in front of what a spreadsheet would take for a formula."""
    return f"'{cell}" if cell.startswith(_FORMULA_STARTS) else cell


def short_decimal(cell: str) -> float | None:
    """Read a plain number that a double keeps, digit by digit."""
    digits = sum(sign.isdigit() for sign in cell)
    return read_decimal(cell) if digits <= KEPT_DIGITS and _PLAIN_NUMBER.fullmatch(cell) else None


def _text(cell: str) -> Cell:
    return cell


def _json_whole(cell: str) -> Cell:
    number = read_whole(cell)
    return number if number is not None and str(number) == cell else cell or None


def _json_decimal(cell: str) -> Cell:
    whole = _json_whole(cell)
    if not isinstance(whole, str):
        return whole
    number = short_decimal(cell)
    return cell if number is None else number


def _json_truth(cell: str) -> Cell:
    return {"True": True, "False": False, "": None}.get(cell, cell)


_JSON_CELLS: Final[Mapping[ValueType, Callable[[str], Cell]]] = {
    ValueType.INTEGER: _json_whole,
    ValueType.BYTES: _json_whole,
    ValueType.DECIMAL: _json_decimal,
    ValueType.SECONDS: _json_decimal,
    ValueType.BOOLEAN: _json_truth,
}
_HERE: Final = "console.questions.export_formats"
_EXCEL: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_PARQUET: Final = "application/vnd.apache.parquet"
FORMATS: Final[Mapping[str, FileFormat]] = {
    AnswerExport.Format.CSV: FileFormat("csv", "text/csv; charset=utf-8", f"{_HERE}.CsvWriter"),
    AnswerExport.Format.JSON_LINES: FileFormat(
        "jsonl", "application/jsonl", f"{_HERE}.JsonLinesWriter"
    ),
    AnswerExport.Format.XLSX: FileFormat(
        "xlsx", _EXCEL, "console.questions.export_excel.ExcelWriter"
    ),
    AnswerExport.Format.PARQUET: FileFormat(
        "parquet", _PARQUET, "console.questions.export_parquet.ParquetWriter"
    ),
}
