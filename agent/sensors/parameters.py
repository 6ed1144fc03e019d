"""Complete and check what a question fills in, before a sensor sees it.

The console checks the same. It is checked again here because a sensor must never meet a value
that its definition does not promise.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final

import re2

from agent.sensors.exceptions import SensorFailed
from sensors.definitions import Parameter, ParameterType, SensorDefinition

_INSTANT = re.compile(r"\d{4}-\d\d-\d\d( \d\d:\d\d(:\d\d(\.\d{1,6})?)?( ?(Z|[+-]\d\d:\d\d))?)?")
_HASH = re.compile(r"[0-9a-fA-F]{32}|[0-9a-fA-F]{40}|[0-9a-fA-F]{64}")


def completed_parameters(definition: SensorDefinition, given: Mapping[str, str]) -> dict[str, str]:
    """Return every parameter of the definition with its value, in the definition's order.

    Raises `SensorFailed` for an unknown, missing or unfit one.
    """
    unknown = given.keys() - {parameter.key for parameter in definition.parameters}
    if unknown:
        raise SensorFailed(f"{definition.name} has no parameter {min(unknown)!r}.")
    completed: dict[str, str] = {}
    for parameter in definition.parameters:
        value = given.get(parameter.key, parameter.default)
        if value is None:
            raise SensorFailed(f"{definition.name} needs its parameter {parameter.title!r}.")
        # A default is the author's own choice: the empty text may stand for "not asked".
        if value != parameter.default:
            _check(parameter, value)
        completed[parameter.key] = value
    return completed


def _check(parameter: Parameter, value: str) -> None:
    if len(value) > parameter.max_length:
        raise SensorFailed(f"{parameter.title!r} is longer than {parameter.max_length} characters.")
    if "\0" in value:
        raise SensorFailed(f"{parameter.title!r} contains a NUL character.")
    wanted = _unfit(parameter, value)
    if wanted:
        raise SensorFailed(f"{parameter.title!r} is {value!r}: it must be {wanted}.")


def _unfit(parameter: Parameter, value: str) -> str:
    """Return what the value should be, or nothing when it is."""
    if parameter.type is ParameterType.CHOICE:
        is_fit, wanted = value in parameter.choices, f"one of {', '.join(parameter.choices)}"
    else:
        check, wanted = _FORMS.get(parameter.type, (_is_any, ""))
        is_fit = bool(check(value))
    return "" if is_fit else wanted


def _is_any(_value: str) -> bool:
    return True


def _is_whole_number(value: str) -> bool:
    return value.isascii() and value.removeprefix("-").isdecimal()


def _is_expression(value: str) -> bool:
    try:
        re2.compile(value)
    except re2.error:
        return False
    return True


_FORMS: Final[Mapping[ParameterType, tuple[Callable[[str], object], str]]] = {
    ParameterType.INTEGER: (_is_whole_number, "a whole number"),
    ParameterType.BOOLEAN: (("0", "1").__contains__, "0 or 1"),
    ParameterType.INSTANT: (_INSTANT.fullmatch, "a time as 2025-01-31 23:59:00+00:00"),
    ParameterType.HASH: (_HASH.fullmatch, "an MD5, SHA-1 or SHA-256 in hexadecimal"),
    ParameterType.REGULAR_EXPRESSION: (_is_expression, "a regular expression (RE2)"),
}
