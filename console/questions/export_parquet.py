"""Write Parquet: typed columns in row groups, and nothing lost that is not of its type."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, BinaryIO, Final, TypeAlias

import pyarrow
from pyarrow import parquet

from console.questions.export_formats import WriterOptions
from console.questions.export_rows import FileColumn
from sensors.definitions import ValueType
from sensors.values import read_decimal, read_instant, read_whole

Cell: TypeAlias = str | int | float | bool | datetime | None

_ROW_GROUP: Final = 20_000
_INT64: Final = 2**63


class ParquetWriter:
    """Typed columns in row groups.

    What is not of its column's type is null there and stands in a column of text behind it, so
    that nothing is lost.
    """

    def __init__(
        self, stream: BinaryIO, columns: Sequence[FileColumn], options: WriterOptions
    ) -> None:
        self._columns = [_ArrowColumn(column) for column in columns]
        fields = [field for column in self._columns for field in column.fields()]
        self._schema = pyarrow.schema(_renamed(fields))
        self._writer = parquet.ParquetWriter(stream, self._schema, compression="zstd")
        self._waiting = 0

    def __enter__(self) -> ParquetWriter:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is None:
            self._flush()
        self._writer.close()

    def write(self, row: Sequence[str]) -> None:
        """Write one row."""
        for column, cell in zip(self._columns, row, strict=True):
            column.add(cell)
        self._waiting += 1
        if self._waiting == _ROW_GROUP:
            self._flush()

    def _flush(self) -> None:
        if not self._waiting:
            return
        cells = [cells for column in self._columns for cells in column.take()]
        arrays = [
            pyarrow.array(part, type=field.type)
            for part, field in zip(cells, self._schema, strict=True)
        ]
        self._writer.write_table(pyarrow.Table.from_arrays(arrays, schema=self._schema))
        self._waiting = 0


class _ArrowColumn:
    """One column of an answer as one or two of the file."""

    def __init__(self, column: FileColumn) -> None:
        self._label = column.label
        arrow: tuple[Any, Callable[[str], Cell] | None] = (pyarrow.string(), None)
        self._type, self._read = _ARROW_TYPES.get(column.type, arrow)
        self._cells: list[Cell] = []
        self._others: list[Cell] = []

    def fields(self) -> Iterator[pyarrow.Field]:
        yield pyarrow.field(self._label, self._type)
        if self._read is not None:
            yield pyarrow.field(f"{self._label} (as text)", pyarrow.string())

    def add(self, cell: str) -> None:
        if self._read is None:
            self._cells.append(cell)
            return
        read = self._read(cell)
        self._cells.append(read)
        self._others.append(cell if read is None and cell else None)

    def take(self) -> Iterator[list[Cell]]:
        yield self._cells
        self._cells = []
        if self._read is not None:
            yield self._others
            self._others = []


def _renamed(fields: Sequence[pyarrow.Field]) -> Iterator[pyarrow.Field]:
    taken: set[str] = set()
    for field in fields:
        name = field.name
        while name in taken:
            name += "'"
        taken.add(name)
        yield field.with_name(name)


def _int64(cell: str) -> Cell:
    number = read_whole(cell)
    return number if number is not None and -_INT64 <= number < _INT64 else None


def _float64(cell: str) -> Cell:
    number = read_decimal(cell)
    return number if number is not None and math.isfinite(number) else None


def _truth(cell: str) -> Cell:
    return {"True": True, "False": False}.get(cell)


_ARROW_TYPES: Final[Mapping[ValueType, tuple[Any, Callable[[str], Cell]]]] = {
    ValueType.INTEGER: (pyarrow.int64(), _int64),
    ValueType.BYTES: (pyarrow.int64(), _int64),
    ValueType.DECIMAL: (pyarrow.float64(), _float64),
    ValueType.SECONDS: (pyarrow.float64(), _float64),
    ValueType.INSTANT: (pyarrow.timestamp("us", tz="UTC"), read_instant),
    ValueType.BOOLEAN: (pyarrow.bool_(), _truth),
}
