"""The query parameters by which answers are filtered, ordered and paged."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import urlencode

import msgspec
from rest_framework import serializers
from rest_framework.request import Request

from console.core.exceptions import InvalidInput, NotFound
from console.questions.export_view import ExportView, FilterPart, SortPart, read_view
from console.questions.grid import LARGEST_WINDOW, GridColumn

LARGEST_OFFSET: Final = 2**40
_DIGITS: Final = 4


class RowsWantedSerializer(serializers.Serializer[Any]):
    """Which rows are wanted. A column is its number from 0, or its label without regard to case."""

    filter = serializers.ListField(
        child=serializers.CharField(max_length=8192),
        required=False,
        max_length=64,
        help_text='A condition as JSON, `{"column": 0, "operator": "containing", "value": "web"}`; '
        "the operators of the language of questions. Repeated ones must all hold.",
    )
    search = serializers.CharField(
        required=False,
        default="",
        allow_blank=True,
        max_length=4096,
        trim_whitespace=False,
        help_text="A text that some column holds.",
    )
    sort = serializers.CharField(
        required=False,
        default="",
        allow_blank=True,
        max_length=2048,
        help_text="Columns, comma separated, or `count`; `-` in front: descending. "
        "By default the most frequent rows come first.",
    )
    group_by = serializers.CharField(
        required=False,
        default="",
        allow_blank=True,
        max_length=2048,
        help_text="Columns, comma separated: rows that are equal there become one.",
    )
    offset = serializers.IntegerField(
        required=False, default=0, min_value=0, max_value=LARGEST_OFFSET
    )
    limit = serializers.IntegerField(
        required=False, default=100, min_value=0, max_value=LARGEST_WINDOW
    )


class PageWantedSerializer(serializers.Serializer[Any]):
    """Which page of a list is wanted: `next` of an answer leads to the one behind it."""

    cursor = serializers.CharField(required=False, default="", allow_blank=True, max_length=4096)
    limit = serializers.IntegerField(
        required=False, default=100, min_value=1, max_value=LARGEST_WINDOW
    )


def read_rows_wanted(sent: dict[str, Any], columns: Sequence[GridColumn]) -> ExportView:
    """Read what rows are wanted from checked query parameters. Raises `InvalidInput`."""
    return read_view(
        msgspec.to_builtins(
            ExportView(
                filters=tuple(_filter_part(each, columns) for each in sent.get("filter", ())),
                search=sent["search"],
                sort=tuple(_sort_part(each, columns) for each in _names(sent["sort"])),
                group_by=tuple(
                    _column(each, columns, "group_by") for each in _names(sent["group_by"])
                ),
            )
        )
    )


def as_cursor(place: str) -> str:
    """Write a place as a cursor that nobody is tempted to build."""
    return base64.urlsafe_b64encode(place.encode()).decode().rstrip("=")


def place_of(cursor: str) -> str:
    """Read a cursor. Raises `NotFound` for one that was made up."""
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        place = base64.b64decode(padded, altchars=b"-_", validate=True).decode()
    except (binascii.Error, UnicodeError, ValueError) as error:
        raise NotFound("There is no such page.") from error
    if "\0" in place:
        raise NotFound("There is no such page.")
    return place


def next_address(request: Request, **changes: Any) -> str:
    """Write the address of the same list with other parameters."""
    parameters = request.query_params.copy()
    for name, value in changes.items():
        parameters[name] = str(value)
    query = urlencode(list(parameters.lists()), doseq=True)
    return f"{request.build_absolute_uri(request.path)}?{query}"


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _filter_part(text: str, columns: Sequence[GridColumn]) -> FilterPart:
    try:
        sent = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError) as error:
        raise _refused("filter", "not JSON") from error
    if not isinstance(sent, dict):
        raise _refused("filter", "not an object")
    column = _column(str(sent.get("column", "")), columns, "filter")
    try:
        return msgspec.convert({**sent, "column": column}, FilterPart)
    except msgspec.ValidationError as error:
        raise _refused("filter", str(error)) from error


def _sort_part(text: str, columns: Sequence[GridColumn]) -> SortPart:
    name = text.removeprefix("-")
    descending = name != text
    if name.casefold() == "count" and not any(_is_called(each, name) for each in columns):
        return SortPart(descending=descending)
    return SortPart(column=_column(name, columns, "sort"), descending=descending)


def _column(name: str, columns: Sequence[GridColumn], parameter: str) -> int:
    if name.isascii() and name.isdigit() and len(name) <= _DIGITS and int(name) < len(columns):
        return int(name)
    for column in columns:
        if _is_called(column, name):
            return column.index
    raise _refused(parameter, "there is no such column")


def _is_called(column: GridColumn, name: str) -> bool:
    return column.label.casefold() == name.casefold()


def _refused(parameter: str, reason: str) -> InvalidInput:
    return InvalidInput("The rows cannot be chosen like this.", errors={parameter: [reason]})
