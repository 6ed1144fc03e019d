"""Hypothesis strategies for any struct of the protocol, read from its annotations.

A message or an event that is added later is covered without a line here.
"""

from __future__ import annotations

import functools
import types
import typing
from uuid import UUID

import msgspec
from hypothesis import strategies as st

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
NUMBERS = st.integers(min_value=-(2**63), max_value=2**63 - 1)

_SIMPLE: dict[object, st.SearchStrategy[typing.Any]] = {
    int: NUMBERS,
    str: TEXT,
    bytes: st.binary(max_size=40),
    bool: st.booleans(),
    float: st.floats(allow_nan=False, allow_infinity=False),
    type(None): st.none(),
    UUID: st.uuids(),
}


@functools.cache
def values_of(annotation: typing.Any) -> st.SearchStrategy[typing.Any]:
    """Draw any value of an annotation as the protocol's structs use them."""
    if annotation in _SIMPLE:
        return _SIMPLE[annotation]
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in (typing.Union, types.UnionType):
        return st.one_of([values_of(argument) for argument in arguments])
    if origin is list:
        return st.lists(values_of(arguments[0]), max_size=3)
    if origin is tuple:
        return st.lists(values_of(arguments[0]), max_size=3).map(tuple)
    if origin is dict:
        return st.dictionaries(values_of(arguments[0]), values_of(arguments[1]), max_size=3)
    return _structs(annotation)


def _structs(struct: type[msgspec.Struct]) -> st.SearchStrategy[msgspec.Struct]:
    # Deferred: a filter holds filters.
    return st.deferred(
        lambda: st.builds(
            struct,
            **{field.name: values_of(field.type) for field in msgspec.structs.fields(struct)},
        )
    )
