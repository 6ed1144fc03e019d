"""Generate the functions that read many properties of an event at once.

An engine asks every event the same questions; a loop over the table of properties would cost more
than the answers. The source is made of column numbers and delimiters only; readers are bound.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from detection.signals.compiler import Row
from detection.signals.expression import fold
from detection.signals.prefilter import delimiter_of
from detection.signals.properties import NO_PROCESS, PROCESS, PROPERTIES, Property, ValueType
from protocol.events import Event


def generate_writer(names: tuple[str, ...]) -> Callable[[Event], str]:
    """Return the function that writes these properties of an event as one folded haystack.

    Every property stands between its delimiters; one with several values has them in between,
    too, so that each value can be found by its start and its end.
    """
    fields = []
    for column, name in enumerate(names):
        value = _reading(column, PROPERTIES[name])
        # An f-string cannot hold a backslash inside its braces: there the delimiter is bound.
        delimiter = f"\\x{ord(delimiter_of(column)):02x}"
        if PROPERTIES[name].several:
            value = f"d{column}.join({value})"
        fields.append(f"{delimiter}{{{value}}}{delimiter}")
    writer: Callable[[Event], str] = _generate(_folding(f'f"{"".join(fields)}"'), names)
    return writer


@functools.cache
def generate_reader(names: tuple[str, ...]) -> Callable[[Event], Row]:
    """Return the function that reads these properties of an event, folded, as one row.

    Rules that name the same properties share it: there are far fewer such sets than rules.
    """
    fields = []
    for column, name in enumerate(names):
        row = PROPERTIES[name]
        value = _reading(column, row)
        if row.several:
            value = f"tuple([fold(text) for text in {value}])"
        elif row.type is not ValueType.INTEGER:
            value = _folding(value)
        fields.append(f"{value}, ")
    reader: Callable[[Event], Row] = _generate(f"({''.join(fields)})", names)
    return reader


def _reading(column: int, row: Property) -> str:
    return f"r{column}({'process' if row.kind == PROCESS else 'event'})"


def _folding(value: str) -> str:
    # What `fold` does beyond `lower` concerns no ASCII text, and nearly all text is ASCII.
    return f"(text.lower() if (text := {value}).isascii() else fold(text))"


def _generate(result: str, names: tuple[str, ...]) -> Any:
    source = f"def read(event):\n    process = event.process or absent\n    return {result}\n"
    bound: dict[str, Any] = {"absent": NO_PROCESS, "fold": fold}
    for column, name in enumerate(names):
        bound[f"r{column}"] = PROPERTIES[name].read
        bound[f"d{column}"] = delimiter_of(column)
    exec(compile(source, "<columns>", "exec"), bound)  # noqa: S102
    return bound["read"]
