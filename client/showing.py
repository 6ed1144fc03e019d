"""Text for a terminal, which nothing that an endpoint says can control."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import Any, Final

_WIDEST: Final = 60
_GAP: Final = "  "
_TWO_DIGITS: Final = 0x100


def visible(text: str) -> str:
    r"""Show what would not be seen, or do something, by its number: `\x1b`, `\u202e`."""
    return "".join(sign if sign.isprintable() else _numbered(sign) for sign in text)


def table(titles: Sequence[str], rows: Sequence[Sequence[str]], *, widest: int = _WIDEST) -> str:
    """Write rows in aligned columns; cells wider than `widest` are cut."""
    shown = [[_cut(visible(cell), widest) for cell in row] for row in (titles, *rows)]
    widths = [max(map(width_of, column)) for column in zip(*shown, strict=True)]
    lines = [
        _GAP.join(_padded(cell, width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in shown
    ]
    rule = _GAP.join("-" * width for width in widths)
    return "\n".join([lines[0], rule, *lines[1:]]) + "\n"


def pointed_at(text: str, place: dict[str, Any]) -> str:
    """Show the line of a text in which something is wrong, with carets below the place.

    `place` has `line` and `column` from 1, and `length` in characters.
    """
    lines = text.split("\n")
    number = min(max(int(place["line"]), 1), len(lines))
    line = lines[number - 1]
    start = min(max(int(place["column"]) - 1, 0), len(line))
    marked = line[start : start + max(int(place.get("length") or 0), 0)]
    carets = "^" * max(width_of(visible(marked)), 1)
    blank = " " * width_of(visible(line[:start]))
    return f"  {visible(line)}\n  {blank}{carets}\n"


def width_of(text: str) -> int:
    """Say how many places a text takes in a terminal."""
    return sum(
        0
        if unicodedata.combining(sign)
        else 2
        if unicodedata.east_asian_width(sign) in {"W", "F"}
        else 1
        for sign in text
    )


def _numbered(sign: str) -> str:
    number = ord(sign)
    return f"\\x{number:02x}" if number < _TWO_DIGITS else f"\\u{number:04x}"


def _cut(text: str, widest: int) -> str:
    # No sign is narrower than nothing: far longer ones need not be measured as a whole.
    if len(text) <= 4 * widest and width_of(text) <= widest:
        return text
    kept = text[:widest]
    while width_of(kept) >= widest:
        kept = kept[:-1]
    return f"{kept}…"


def _padded(text: str, width: int) -> str:
    return text + " " * (width - width_of(text))
