from __future__ import annotations

from itertools import pairwise

import pytest

from detection.signals.parser import parse_signal
from threatresponse.live.vocabulary import KIND_FILTERS, search_vocabulary

VALUES = {"text": "'x'", "integer": "1", "address": "'10.0.0.0/8'", "hash": "'" + "a" * 64 + "'"}


def value_for(condition: str, kind: str) -> str:
    """Return a value that fits."""
    if condition.endswith("null"):
        return ""
    return VALUES[kind] if condition.endswith("in cidr") or kind != "address" else "'10.0.0.1'"


class TestSearchVocabulary:
    @pytest.mark.parametrize("os", ["linux", "windows", "macos"])
    def test_offers_only_what_the_language_takes(self, os: str) -> None:
        for row in search_vocabulary(os)["properties"]:
            for condition in row["conditions"]:
                parse_signal(f"{row['name']} {condition} {value_for(condition, row['type'])}")

    @pytest.mark.parametrize("expression", KIND_FILTERS.values())
    def test_has_quick_filters_that_the_language_takes(self, expression: str) -> None:
        parse_signal(f"(process.name is sh) AND ({expression})")

    def test_joins_quick_filters(self) -> None:
        for one, other in pairwise(KIND_FILTERS.values()):
            parse_signal(f"{one} OR {other}")

    def test_leaves_out_what_another_system_has(self) -> None:
        names = {row["name"] for row in search_vocabulary("linux")["properties"]}

        assert "process.container" in names
        assert "registry.key_path" not in names
