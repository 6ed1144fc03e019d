"""Fill in a sensor's parameters, and refuse what a parameter does not accept."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC
from difflib import get_close_matches
from typing import Final

from sensors.definitions import Parameter, ParameterType, SensorDefinition, ValueType
from sensors.exceptions import ConditionRefused, ParameterRefused
from sensors.patterns import compile_pattern
from sensors.values import Period, read_hash, read_operand

_WHOLE: Final = re.compile(r"-?[0-9]{1,18}")
_TRUTHS: Final = {"0": "0", "false": "0", "no": "0", "1": "1", "true": "1", "yes": "1"}


def fill_parameters(sensor: SensorDefinition, given: Mapping[str, str]) -> dict[str, str]:
    """Check the given parameters and add the others' defaults, in the definition's order.

    Values come back in the one spelling that the sensor gets: see `read_parameter`. Raises
    `ParameterRefused`.
    """
    found = {find_parameter(sensor, key).key: value for key, value in given.items()}
    return {
        parameter.key: (
            read_parameter(parameter, found[parameter.key])
            if parameter.key in found
            else _default_of(sensor, parameter)
        )
        for parameter in sensor.parameters
    }


def _default_of(sensor: SensorDefinition, parameter: Parameter) -> str:
    if parameter.default is None:
        raise ParameterRefused(
            parameter.key,
            f"“{sensor.name}” needs its parameter {parameter.key}",
            (f"{sensor.name}[{parameter.key}=…]",),
        )
    return parameter.default


def find_parameter(sensor: SensorDefinition, key: str) -> Parameter:
    """Find a parameter by its key, without regard to case.

    Raises `ParameterRefused`.
    """
    wanted = key.casefold()
    for parameter in sensor.parameters:
        if parameter.key.casefold() == wanted:
            return parameter
    keys = tuple(parameter.key for parameter in sensor.parameters)
    if not keys:
        raise ParameterRefused(key, f"“{sensor.name}” takes no parameters")
    near = tuple(get_close_matches(key[:64], keys)) or keys
    raise ParameterRefused(key, f"“{sensor.name}” has no parameter “{key[:64]}”", near)


def read_parameter(parameter: Parameter, value: str) -> str:
    """Spell a value as the sensor gets it; refuse one that the parameter does not accept.

    A choice has the case of its definition, a truth value is 0 or 1, an instant is written out in
    UTC with milliseconds, a hash in small letters. The default is always accepted. Raises
    `ParameterRefused`.
    """
    if value == parameter.default:
        return value
    if len(value) > parameter.max_length:
        raise ParameterRefused(
            parameter.key, f"{parameter.key} has at most {parameter.max_length} characters"
        )
    if "\0" in value:
        raise ParameterRefused(parameter.key, f"{parameter.key} holds a NUL character")
    try:
        return _READERS[parameter.type](parameter, value)
    except ConditionRefused as refused:
        message = f"{parameter.key}: {refused.message}"
        raise ParameterRefused(parameter.key, message, refused.expected) from refused


def _read_text(parameter: Parameter, value: str) -> str:
    return value


def _read_integer(parameter: Parameter, value: str) -> str:
    if not _WHOLE.fullmatch(value):
        raise ConditionRefused("not a whole number", ("a whole number",))
    return value


def _read_truth(parameter: Parameter, value: str) -> str:
    digit = _TRUTHS.get(value.casefold())
    if digit is None:
        raise ConditionRefused("neither 0 nor 1", ("0", "1"))
    return digit


def _read_choice(parameter: Parameter, value: str) -> str:
    for choice in parameter.choices:
        if choice.casefold() == value.casefold():
            return choice
    raise ConditionRefused("none of the choices", parameter.choices)


def _read_pattern(parameter: Parameter, value: str) -> str:
    compile_pattern(value)
    return value


def _read_instant(parameter: Parameter, value: str) -> str:
    period: Period = read_operand(ValueType.INSTANT, value)
    return period.start.astimezone(UTC).isoformat(sep=" ", timespec="milliseconds")


def _read_hash(parameter: Parameter, value: str) -> str:
    return read_hash(value)


_READERS: Final[Mapping[ParameterType, Callable[[Parameter, str], str]]] = {
    ParameterType.TEXT: _read_text,
    ParameterType.PATH: _read_text,
    ParameterType.INTEGER: _read_integer,
    ParameterType.BOOLEAN: _read_truth,
    ParameterType.CHOICE: _read_choice,
    ParameterType.REGULAR_EXPRESSION: _read_pattern,
    ParameterType.INSTANT: _read_instant,
    ParameterType.HASH: _read_hash,
}
