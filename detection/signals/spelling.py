r"""Quoted values: their escapes on the way in, and canonical text on the way out.

Inside single quotes stand `\r \n \t \\ \'`, `\xHH` for one byte of UTF-8, and `\* \?` for a star
or question mark that is no wildcard. Any other escape is refused: it would mean something else
than its writer thinks.
"""

from __future__ import annotations

import re

from detection.signals.expression import And, Condition, Expression, Not, Or, Term
from detection.signals.patterns import escape_pattern

_UNIT = re.compile(r"\\x[0-9A-Fa-f]{2}|\\.|[^\\]", re.DOTALL)
_SIMPLE = {
    r"\r": b"\r",
    r"\n": b"\n",
    r"\t": b"\t",
    r"\\": b"\\",
    r"\'": b"'",
    r"\*": b"*",
    r"\?": b"?",
}
_WRITTEN = {"\\": r"\\", "'": r"\'", "\r": r"\r", "\n": r"\n", "\t": r"\t"}
ESCAPES = (*_SIMPLE, r"\xHH")


class EscapeRefused(ValueError):
    """An escape or the bytes it makes cannot be read; `offset` counts from the opening quote."""

    def __init__(self, offset: int, reason: str, expected: tuple[str, ...] = ()) -> None:
        """Refuse the value at this offset."""
        super().__init__(reason)
        self.offset = offset
        self.reason = reason
        self.expected = expected


def decode_text(quoted: str) -> str:
    """Decode a value, its quotes included.

    Raises `EscapeRefused`.
    """
    return _decode(_units(quoted))


def decode_pattern(quoted: str) -> str:
    r"""Decode the value of `matches` into RE2 syntax.

    A value that begins with `*` is a wildcard (no regular expression can begin so): `*` stands
    for any text, `?` for one character. `\*` and `\?` stand for themselves in both. Raises
    `EscapeRefused`.
    """
    units = _units(quoted)
    if not units or units[0][1] != "*":
        # A star that stands for itself needs RE2's backslash, too.
        doubled = ((at, half) for at, unit in units for half in _for_pattern(unit))
        return _decode(list(doubled))
    pattern: list[str] = []
    run: list[tuple[int, str]] = []
    for at, unit in units:
        if unit in ("*", "?"):
            pattern += (escape_pattern(_decode(run)), ".*" if unit == "*" else ".")
            run = []
        else:
            run.append((at, unit))
    return "".join((*pattern, escape_pattern(_decode(run))))


def to_text(expression: Expression) -> str:
    """Write an expression in canonical form: parsing it gives an equal expression."""
    if isinstance(expression, Term):
        return _term_text(expression)
    if isinstance(expression, Not):
        return f"NOT {_grouped(expression.part)}"
    word = " AND " if isinstance(expression, And) else " OR "
    return word.join(_grouped(part) for part in expression.parts)


def quote(text: str) -> str:
    """Put text into single quotes, escaped so that it reads back as it is."""
    return "'" + "".join(_written(character) for character in text) + "'"


def _written(character: str) -> str:
    if character.isprintable() and character not in _WRITTEN:
        return character
    return _WRITTEN.get(character) or "".join(f"\\x{byte:02x}" for byte in character.encode())


def _grouped(part: Expression) -> str:
    return f"({to_text(part)})" if isinstance(part, And | Or) else to_text(part)


def _term_text(term: Term) -> str:
    if term.condition is Condition.IS_NULL:
        return f"{term.property} {term.spelling}"
    value = quote(term.value) if isinstance(term.value, str) else str(term.value)
    return f"{term.property} {term.spelling} {value}"


def _units(quoted: str) -> list[tuple[int, str]]:
    return [(unit.start() + 1, unit[0]) for unit in _UNIT.finditer(quoted[1:-1])]


def _for_pattern(unit: str) -> tuple[str, ...]:
    return (r"\\", unit[1]) if unit in (r"\*", r"\?") else (unit,)


def _decode(units: list[tuple[int, str]]) -> str:
    raw = bytearray()
    origin: list[int] = []
    for at, unit in units:
        byte = _bytes_of(at, unit)
        raw += byte
        origin += [at] * len(byte)
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        raise EscapeRefused(origin[error.start], "these bytes are not valid UTF-8") from error


def _bytes_of(at: int, unit: str) -> bytes:
    if not unit.startswith("\\"):
        return unit.encode()
    if len(unit) == len(r"\xHH"):
        return bytes.fromhex(unit[2:])
    if unit not in _SIMPLE:
        raise EscapeRefused(at, f"unknown escape {unit}", ESCAPES)
    return _SIMPLE[unit]
