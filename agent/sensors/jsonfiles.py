"""Read JSON that other programs keep, whatever stands in it.

Nothing is expected: every function gives an empty value for what is not of the shape that it reads.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from agent.sensors.reading import read_start

MOST_BYTES: Final = 32 * 1024 * 1024


def json_at(
    path: Path | None = None, *, text: str = "", most: int = MOST_BYTES, follow: bool = True
) -> dict[str, Any]:
    """Return the object in a file (or text); an empty one when there is none.

    A list is returned as the member "".
    """
    try:
        raw = text.encode() if path is None else read_start(path, most, follow=follow)
        # Some editors of manifests put a byte order mark in front.
        found = msgspec.json.decode(raw.removeprefix(b"\xef\xbb\xbf"))
    except (OSError, ValueError, msgspec.MsgspecError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {"": found}


def members(found: Mapping[str, Any], *names: str) -> dict[str, Any]:
    """Return the object at the end of this chain of names."""
    inner: Any = found
    for name in names:
        inner = inner.get(name) if isinstance(inner, dict) else None
    return inner if isinstance(inner, dict) else {}


def first_text(found: Mapping[str, Any], *names: str) -> str:
    """Return the first of these members that is text."""
    values = (found.get(name) for name in names)
    return next((value for value in values if isinstance(value, str)), "")


def texts_in(found: Any) -> list[str]:
    """Return the texts of a list."""
    return [item for item in found if isinstance(item, str)] if isinstance(found, list) else []


def number_in(found: Mapping[str, Any], name: str) -> float:
    """Return a member that is a number, also where it is written as text; else 0."""
    value = found.get(name)
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) < 20:
        return float(value)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else 0.0
