"""What the text of a value means, by the type of its column.

All values travel as text. Here text becomes something that compares: numbers by size, versions by
version order, instants by time, addresses by number. Two directions: a *cell* is what an endpoint
said, which may be anything, and reads as None when it is not of its type; an *operand* is what an
analyst wrote, and is refused.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final, NamedTuple

from sensors.definitions import ValueType
from sensors.exceptions import ConditionRefused

HASH_LENGTHS: Final = (32, 40, 64, 96, 128)
_SIGMA, _FINAL_SIGMA, _LONG_S = "\u03c3", "\u03c2", "\u017f"
# Nothing that is a number, an instant, an address or a version is longer.
_LONGEST_ADDRESS: Final = 64
_LONGEST_INSTANT: Final = 40
_LONGEST_KEY: Final = 256

_WHOLE = re.compile(r"[+-]?[0-9]{1,30}")
_DECIMAL = re.compile(r"[+-]?[0-9]{1,30}(?:\.[0-9]{1,30})?(?:[eE][+-]?[0-9]{1,3})?")
_MEASURE = re.compile(r"([0-9]{1,18}(?:\.[0-9]{1,9})?)\s*([a-z]*)", re.IGNORECASE)
_INSTANT = re.compile(
    r"\d{4}-\d\d-\d\d(?P<minute>[ T]\d\d:\d\d(?P<second>:\d\d(?P<fraction>[.]\d{3}(?:\d{3})?)?)?"
    r"(?:Z|[+-]\d\d:\d\d)?)?",
    re.ASCII | re.IGNORECASE,
)
_NUMBER = re.compile(r"([0-9]+)")
_EPOCH = re.compile(r"([0-9]{1,9}):(.+)")

_SIZES: Final = {
    "": 1,
    "b": 1,
    "byte": 1,
    "bytes": 1,
    **{
        f"{letter}{infix}b": base ** (place + 1)
        for place, letter in enumerate("kmgtp")
        for infix, base in (("", 1000), ("i", 1024))
    },
}
_DURATIONS: Final = {
    **dict.fromkeys(("", "s", "sec", "second", "seconds"), 1),
    **dict.fromkeys(("min", "minute", "minutes"), 60),
    **dict.fromkeys(("h", "hour", "hours"), 3600),
    **dict.fromkeys(("d", "day", "days"), 86_400),
    **dict.fromkeys(("w", "week", "weeks"), 604_800),
}
_TRUTHS: Final = {
    **dict.fromkeys(("true", "yes", "1"), "true"),
    **dict.fromkeys(("false", "no", "0"), "false"),
}


def fold(text: str) -> str:
    """Lower text for comparison, as the Signal language does.

    `str.lower`, not `casefold`: `ß` and `ss` stay apart. The final sigma and the long s are
    levelled besides, so that a part of a word is found in the word and RE2 agrees.
    """
    if text.isascii():
        return text.lower()
    return text.lower().replace(_FINAL_SIGMA, _SIGMA).replace(_LONG_S, "s")


class Period(NamedTuple):
    """The instants that an operand such as `2024-05-01` or `2024-05-01 10:00` means by `is`."""

    start: datetime
    length: timedelta


def read_whole(text: str) -> int | None:
    """Read a cell as a whole number."""
    return int(text) if _WHOLE.fullmatch(text) else None


def read_decimal(text: str) -> float | None:
    """Read a cell as a number."""
    return float(text) if _DECIMAL.fullmatch(text) else None


def read_instant(text: str) -> datetime | None:
    """Read a cell as an instant; one without a time zone is in UTC."""
    if len(text) > _LONGEST_INSTANT:
        return None
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        return None
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)


def read_address(text: str) -> tuple[int, int] | None:
    """Read a cell as an address: its version and its number.

    A scope (`fe80::1%eth0`) does not count, and IPv4 in IPv6 clothes is IPv4.
    """
    if len(text) > _LONGEST_ADDRESS:
        return None
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    number = mapped or address
    return number.version, int(number)


def read_version(text: str) -> tuple[Any, ...] | None:
    """Read a cell as a version that compares as Debian Policy 5.6.12 orders versions.

    A leading `v` does not count. Text without a digit is no version.
    """
    cut = fold(text[:_LONGEST_KEY].strip()).removeprefix("v")
    if not _NUMBER.search(cut):
        return None
    epoch = _EPOCH.fullmatch(cut)
    number, rest = (int(epoch[1]), epoch[2]) if epoch else (0, cut)
    upstream, _, revision = rest.rpartition("-") if "-" in rest else (rest, "", "")
    return number, _version_order(upstream), _version_order(revision)


def read_natural(text: str) -> tuple[Any, ...]:
    """Make a key that orders text without regard to case, and the numbers in it by size."""
    return tuple(
        _digits(part) if place % 2 else part
        for place, part in enumerate(_NUMBER.split(fold(text[:_LONGEST_KEY])))
    )


def read_truth(text: str) -> str:
    """Level the spellings of a truth value; anything else stays itself."""
    folded = fold(text)
    return _TRUTHS.get(folded, folded)


CELL_READERS: Final[Mapping[ValueType, Callable[[str], Any]]] = {
    ValueType.TEXT: fold,
    ValueType.PATH: fold,
    ValueType.HASH: fold,
    ValueType.BOOLEAN: read_truth,
    ValueType.INTEGER: read_whole,
    ValueType.BYTES: read_whole,
    ValueType.DECIMAL: read_decimal,
    ValueType.SECONDS: read_decimal,
    ValueType.INSTANT: read_instant,
    ValueType.IP_ADDRESS: read_address,
    ValueType.VERSION: read_version,
}
"""How cells become what `is` and the order compare; None is what is not of the type."""


def read_operand(kind: ValueType, text: str) -> Any:
    """Read what an analyst wrote as something that compares with a cell of this type.

    An instant reads as a `Period`. Raises `ConditionRefused`.
    """
    reader = _OPERAND_READERS.get(kind)
    if reader is not None:
        return reader(text)
    operand = CELL_READERS[kind](text)
    if operand is None:
        raise ConditionRefused(f"{_shown(text)} is not {_NAMES[kind]}", (_NAMES[kind],))
    return operand


def read_network(text: str) -> tuple[int, int, int]:
    """Read a network as version, mask and number; a lone address is a network of one.

    Raises `ConditionRefused`.
    """
    try:
        network = ipaddress.ip_network(text[:_LONGEST_KEY], strict=False)
    except ValueError as error:
        raise ConditionRefused(
            f"{_shown(text)} is not a network", ("10.0.0.0/8", "fe80::/10")
        ) from error
    return network.version, int(network.netmask), int(network.network_address)


def _read_size(text: str) -> int:
    return int(_measured(text, _SIZES, "a size", ("1048576", "10 MB", "4 GiB")))


def _read_duration(text: str) -> float:
    return float(_measured(text, _DURATIONS, "a duration", ("90", "5 minutes", "7 days")))


def _measured(
    text: str, units: Mapping[str, int], name: str, examples: tuple[str, ...]
) -> Decimal | int:
    found = _MEASURE.fullmatch(text.strip())
    factor = units.get(found[2].lower()) if found else None
    if found is None or factor is None:
        raise ConditionRefused(f"{_shown(text)} is not {name}", examples)
    return Decimal(found[1]) * factor


def _read_period(text: str) -> Period:
    written = text.strip().upper()
    found = _INSTANT.fullmatch(written)
    start = read_instant(written) if found else None
    if found is None or start is None:
        raise ConditionRefused(
            f"{_shown(text)} is not an instant", ("2024-05-01", "2024-05-01 13:30:00.000+00:00")
        )
    return Period(start, _length_of(found))


def _length_of(found: re.Match[str]) -> timedelta:
    if found["fraction"]:
        # A millisecond: what sensors report (SE-08).
        return timedelta(milliseconds=1)
    if found["second"]:
        return timedelta(seconds=1)
    return timedelta(minutes=1) if found["minute"] else timedelta(days=1)


def _read_truth_operand(text: str) -> str:
    truth = _TRUTHS.get(fold(text.strip()))
    if truth is None:
        raise ConditionRefused(f"{_shown(text)} is neither true nor false", ("True", "False"))
    return truth


def read_hash(text: str) -> str:
    """Read a hash in hexadecimal digits.

    Raises `ConditionRefused`.
    """
    folded = fold(text.strip())
    if len(folded) not in HASH_LENGTHS or not set(folded) <= set("0123456789abcdef"):
        raise ConditionRefused(
            f"{_shown(text)} is not a hash",
            ("32 (MD5), 40 (SHA-1), 64 (SHA-256), 96 or 128 hexadecimal digits",),
        )
    return folded


_OPERAND_READERS: Final[Mapping[ValueType, Callable[[str], Any]]] = {
    ValueType.BYTES: _read_size,
    ValueType.SECONDS: _read_duration,
    ValueType.INSTANT: _read_period,
    ValueType.BOOLEAN: _read_truth_operand,
    ValueType.HASH: read_hash,
}
_NAMES: Final = {
    ValueType.INTEGER: "a whole number",
    ValueType.DECIMAL: "a number",
    ValueType.IP_ADDRESS: "an IP address",
    ValueType.VERSION: "a version",
}


def _shown(text: str) -> str:
    longest = 40
    return f"“{text}”" if len(text) <= longest else f"“{text[:longest]}…”"


def _version_order(text: str) -> tuple[Any, ...]:
    return tuple(
        _digits(part) if place % 2 else _letters(part)
        for place, part in enumerate(_NUMBER.split(text))
    )


def _letters(text: str) -> tuple[int, ...]:
    """Order as Debian does: the tilde before the end, the end before letters, these before all."""
    after_letters = 0x110000
    weights = (
        -1 if sign == "~" else ord(sign) if sign.isalpha() else ord(sign) + after_letters
        for sign in text
    )
    return (*weights, 0)


def _digits(text: str) -> tuple[int, str]:
    """Order digits by the number that they mean; `int` would refuse thousands of them."""
    plain = text.lstrip("0")
    return len(plain), plain
