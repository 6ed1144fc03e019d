"""Read what analysts look for: a name, a text, or a regular expression (RE2) for all of it."""

from __future__ import annotations

from collections.abc import Callable

from agent.sensors.exceptions import SensorFailed
from sensors.exceptions import ConditionRefused
from sensors.patterns import compile_pattern
from sensors.values import fold

Fits = Callable[[str], bool]


def named(wanted: str) -> Fits:
    """Return a test for names: equal without regard to case, or fitted by the expression.

    What is no regular expression (`g++`) is only a name.
    """
    folded = fold(wanted)
    try:
        pattern = compile_pattern(wanted)
    except ConditionRefused:
        return lambda name: fold(name) == folded
    return lambda name: fold(name) == folded or pattern.fullmatch(name) is not None


def expression(wanted: str) -> Fits:
    """Return a test that an expression must pass as a whole. Raises `SensorFailed`."""
    try:
        pattern = compile_pattern(wanted)
    except ConditionRefused as error:
        raise SensorFailed(f"{error.message[:1].upper()}{error.message[1:]}.") from error
    return lambda text: pattern.fullmatch(text) is not None


def searched(wanted: str, *, is_expression: bool) -> Fits:
    """Return a test for text: it contains what is wanted, or a whole expression fits it.

    Nothing wanted: everything passes. Raises `SensorFailed`.
    """
    if not wanted:
        return lambda _text: True
    if is_expression:
        return expression(wanted)
    folded = fold(wanted)
    return lambda text: folded in fold(text)
