"""How sensors write values: everything travels as text of a known form (SE-08)."""

from __future__ import annotations

import codecs
from datetime import UTC, datetime
from typing import Final

# What an analyst reads of one value; whole files do not belong into an answer.
VALUE_BYTES: Final = 32 * 1024
CUT_MARK: Final = "… (cut)"

_MICROSECONDS: Final = 1_000_000
_ESCAPE_SURROGATES: Final = "vedette-escape-surrogates"


def _escape_surrogates(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    codes = (ord(character) for character in error.object[error.start : error.end])
    # U+DC80 … U+DCFF stand for one byte each (PEP 383), others for nothing but themselves.
    shown = (f"\\x{code - 0xDC00:02x}" if code >= 0xDC80 else f"\\u{code:04x}" for code in codes)
    return "".join(shown), error.end


codecs.register_error(_ESCAPE_SURROGATES, _escape_surrogates)


def instant_text(at: int) -> str:
    """Write an instant (µs since the epoch, UTC) as `YYYY-MM-DD HH:MM:SS.mmm+00:00`.

    Empty for 0 and for what no calendar has: the system knows no such instant.
    """
    try:
        moment = datetime.fromtimestamp(at // _MICROSECONDS, UTC)
    except (ValueError, OverflowError, OSError):
        return ""
    milliseconds = at % _MICROSECONDS // 1000
    return f"{moment:%Y-%m-%d %H:%M:%S}.{milliseconds:03}+00:00" if at else ""


def instant_text_of_seconds(seconds: float) -> str:
    """Write an instant given in seconds since the epoch."""
    return instant_text(round(seconds * _MICROSECONDS))


def boolean_text(true: bool) -> str:
    """Write `True` or `False`."""
    return "True" if true else "False"


def text_of(raw: bytes) -> str:
    r"""Show bytes from the operating system; those that are no UTF-8 become `\xHH`."""
    return raw.decode("utf-8", "backslashreplace")


def shown_value(value: str) -> str:
    r"""Make any text fit to travel and to be stored: valid UTF-8, NUL as `\x00`, bounded."""
    if not value.isascii():
        # File names from Python hold undecodable bytes as lone surrogates.
        value = value.encode("utf-8", _ESCAPE_SURROGATES).decode("utf-8")
    if "\0" in value:
        value = value.replace("\0", "\\x00")
    if len(value) * 4 <= VALUE_BYTES:
        return value
    encoded = value.encode()
    if len(encoded) <= VALUE_BYTES:
        return value
    kept = VALUE_BYTES - len(CUT_MARK.encode())
    return encoded[:kept].decode("utf-8", "ignore") + CUT_MARK
