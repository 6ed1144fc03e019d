"""No NUL reaches a database, wherever in a report it stands."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from console.core.storable import storable_json, storable_text

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


class TestText:
    def test_has_a_sign_in_place_of_each_nul(self) -> None:
        assert storable_text("a\0b\0") == "a\ufffdb\ufffd"

    def test_is_cut_where_that_is_asked_for(self) -> None:
        assert storable_text("abc", 2) == "ab"
        assert storable_text("abc") == "abc"


class TestJson:
    def test_is_cleaned_in_names_lists_and_tuples(self) -> None:
        told = {"na\0me": ["a\0", {"b": ("\0", 7, None, True, 0.5)}]}

        assert storable_json(told) == {
            "na\ufffdme": ["a\ufffd", {"b": ["\ufffd", 7, None, True, 0.5]}]
        }

    @given(values)
    def test_never_holds_a_nul(self, value: Any) -> None:
        assert "\\u0000" not in json.dumps(storable_json(value)).replace("\\\\", "")

    @given(values)
    def test_is_left_alone_once_it_is_clean(self, value: Any) -> None:
        clean = storable_json(value)

        assert storable_json(clean) == clean
