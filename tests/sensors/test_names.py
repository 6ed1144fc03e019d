"""Names are found whole, the longest first, and similar ones are named."""

from __future__ import annotations

import pytest

from sensors.language.names import NameIndex, NameTree, index_of
from tests.sensors.samples import INDEX, SENSORS, sensor


class TestNameTree:
    TREE = NameTree((name, name) for name in ("A", "A and B", "A - C", "Über Straße"))

    @pytest.mark.parametrize(
        ("text", "name"),
        [
            ("A", "A"),
            ("a  AND\n b from", "A and B"),
            ("A and C", "A"),
            ("A-C", "A - C"),
            ("A[x]", "A"),
            ("ÜBER STRASSE", "Über Straße"),
        ],
    )
    def test_finds_the_longest_name(self, text: str, name: str) -> None:
        found = self.TREE.longest_at(text, 0)

        assert found is not None
        assert found.item == name

    @pytest.mark.parametrize("text", ["", "  ", "AB", "and A", "- A"])
    def test_finds_nothing_that_is_not_named(self, text: str) -> None:
        assert self.TREE.longest_at(text, 0) is None

    def test_tells_where_the_name_ends(self) -> None:
        found = self.TREE.longest_at("x A  and  B ", 1)

        assert found is not None
        assert found.end == 11


class TestNameIndex:
    def test_is_built_once(self) -> None:
        assert index_of(INDEX) is INDEX
        assert list(index_of(SENSORS)) == list(SENSORS) == list(INDEX)

    def test_finds_by_name_alias_and_key(self) -> None:
        assert INDEX.by_name(" computer   NAME") is SENSORS[0]
        assert INDEX.by_name("Host Name") is SENSORS[0]
        assert INDEX.by_key("computer_name") is SENSORS[0]
        assert INDEX.by_name("computer_name") is None
        assert INDEX.by_key("Computer Name") is None

    def test_prefers_a_name_to_an_alias_of_another(self) -> None:
        first, second = sensor("One", aliases=("Two",)), sensor("Two")

        assert NameIndex([first, second]).by_name("two") is second

    @pytest.mark.parametrize(
        ("wrong", "right"),
        [
            ("Computr Name", "Computer Name"),
            ("runing proceses", "Running Processes"),
            ("Runing Processes with Hsh", "Running Processes with Hash"),
            ("HostName", "Host Name"),
        ],
    )
    def test_names_the_most_similar_first(self, wrong: str, right: str) -> None:
        assert INDEX.similar(wrong)[0] == right

    @pytest.mark.parametrize("wrong", ["", "zzz", "x" * 10_000])
    def test_names_nothing_that_is_not_similar(self, wrong: str) -> None:
        assert INDEX.similar(wrong) == ()

    def test_knows_nothing_but_what_it_was_given(self) -> None:
        index = NameIndex([sensor("Computer Names")])

        assert index.similar("Computer Name") == ("Computer Names",)
        assert index.by_name("Computer Name") is None
