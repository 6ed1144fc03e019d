"""Make text and JSON from elsewhere fit for every database.

PostgreSQL stores no NUL, neither in text nor in JSON: one of them, sent by one endpoint, would fail
the batch of thousands. SQLite would not tell.
"""

from __future__ import annotations

from typing import Any, Final

REPLACEMENT: Final = "\N{REPLACEMENT CHARACTER}"


def storable_text(text: str, longest: int | None = None) -> str:
    """Return the text with U+FFFD for each NUL, cut to `longest` characters."""
    return text[:longest].replace("\0", REPLACEMENT)


def storable_json(value: Any) -> Any:
    """Return what JSON can hold with U+FFFD for each NUL in its texts and names.

    Tuples become lists; everything else stays. How large it may be, the caller decides.
    """
    if isinstance(value, str):
        return storable_text(value)
    if isinstance(value, dict):
        return {storable_text(str(name)): storable_json(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [storable_json(item) for item in value]
    return value
