from __future__ import annotations

import pytest

from detection.signals.expression import Term
from detection.signals.parser import parse_signal
from protocol.events import KINDS
from threatresponse.live.vocabulary import search_vocabulary

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
                text = f"{row['name']} {condition} {value_for(condition, row['type'])}"
                assert isinstance(parse_signal(text), Term), text

    def test_offers_the_kinds_that_the_system_records(self) -> None:
        assert set(search_vocabulary("windows")["kinds"]) == set(KINDS)
        assert set(KINDS) - set(search_vocabulary("linux")["kinds"]) == {"registry", "image"}

    def test_leaves_out_what_another_system_has(self) -> None:
        names = {row["name"] for row in search_vocabulary("linux")["properties"]}

        assert "process.container" in names
        assert "registry.key_path" not in names
