"""Make one term of a Signal from its tokens, once property, condition and value suit each other."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from difflib import get_close_matches

from detection.exceptions import InvalidValue, SignalSyntaxError, UnknownProperty
from detection.signals.expression import Condition, Term
from detection.signals.patterns import PatternRefused, compile_pattern
from detection.signals.properties import (
    ALIASES,
    CONDITIONS_OF,
    PROPERTIES,
    Property,
    ValueType,
    find_property,
)
from detection.signals.spelling import EscapeRefused, decode_pattern, decode_text
from detection.signals.tokens import LONGEST_NAME, QUOTED, Token

_HASH_LENGTHS = (32, 40, 64)
_MAX_DIGITS = 18


def make_null(name: Token, *, negated: bool) -> Term:
    """Say that a property is absent. Raises `UnknownProperty`."""
    row = _property_at(name)
    return Term(row.name, Condition.IS_NULL, "", negated, name.line, name.column)


def make_term(name: Token, condition: Condition, value: Token, *, negated: bool) -> Term:
    """Compare a property with a value; an empty one means that it is absent.

    Raises `UnknownProperty`, `InvalidValue`, or `SignalSyntaxError` for an unreadable escape.
    """
    row = _property_at(name)
    if condition not in CONDITIONS_OF[row.type]:
        allowed = tuple(c.value for c in Condition if c in CONDITIONS_OF[row.type])
        reason = f"{row.name} cannot be compared with '{condition.value}'"
        raise InvalidValue(name.line, name.column, reason, allowed)
    text = _value_text(value, condition)
    if not text:
        if condition is not Condition.IS:
            raise InvalidValue(value.line, value.column, f"'{condition.value}' needs a value")
        return make_null(name, negated=negated)
    try:
        checked = _READERS.get(condition, _read_plain)(row, text)
    except ValueError as error:
        raise InvalidValue(value.line, value.column, str(error)) from error
    return Term(row.name, condition, checked, negated, name.line, name.column)


def _property_at(name: Token) -> Property:
    row = find_property(name.text)
    if row is None:
        known = (*PROPERTIES, *ALIASES)
        shown = name.text[:LONGEST_NAME]
        nearest = get_close_matches(shown.lower(), known, n=3, cutoff=0.5)
        reason = f"no event has a property {shown}"
        raise UnknownProperty(name.line, name.column, reason, tuple(nearest))
    return row


def _value_text(value: Token, condition: Condition) -> str:
    if value.kind != QUOTED:
        return value.text
    decode = decode_pattern if condition is Condition.MATCHES else decode_text
    try:
        return decode(value.text)
    except EscapeRefused as refused:
        before = value.text[: refused.offset]
        breaks = before.count("\n")
        column = refused.offset - before.rfind("\n") if breaks else value.column + refused.offset
        raise SignalSyntaxError(
            value.line + breaks, column, refused.reason, refused.expected
        ) from None


def _read_plain(row: Property, text: str) -> str:
    return text


def _read_equal(row: Property, text: str) -> str | int:
    if row.type is ValueType.INTEGER:
        if not (text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS):
            raise ValueError(f"{row.name} is compared with a whole number")
        return int(text)
    if row.type is ValueType.ADDRESS:
        return str(ipaddress.ip_address(text))
    if row.type is ValueType.HASH and (
        len(text) not in _HASH_LENGTHS or not set(text.lower()) <= set("0123456789abcdef")
    ):
        raise ValueError("a hash has 32 (MD5), 40 (SHA-1) or 64 (SHA-256) hexadecimal digits")
    return text


def _read_network(row: Property, text: str) -> str:
    return str(ipaddress.ip_network(text, strict=False))


def _read_pattern(row: Property, text: str) -> str:
    try:
        compile_pattern(text)
    except PatternRefused as refused:
        raise ValueError(f"RE2 refuses this pattern: {refused}") from refused
    return text


_READERS: dict[Condition, Callable[[Property, str], str | int]] = {
    Condition.IS: _read_equal,
    Condition.IN_CIDR: _read_network,
    Condition.MATCHES: _read_pattern,
}
