from __future__ import annotations

import pytest

from client.connection import Address, read_address
from client.exceptions import ConsoleRefused, WrongUsage
from client.trust import context_trusting, same_fingerprint


class TestReadAddress:
    @pytest.mark.parametrize(
        ("text", "address", "written"),
        [
            ("https://console:9443", Address("console", 9443), "https://console:9443"),
            ("console", Address("console", 8443), "https://console:8443"),
            ("console:17", Address("console", 17), "https://console:17"),
            ("https://[::1]:8443/", Address("::1", 8443), "https://[::1]:8443"),
        ],
    )
    def test_reads(self, text: str, address: Address, written: str) -> None:
        assert read_address(text) == address
        assert str(address) == written

    @pytest.mark.parametrize(
        "text", ["http://console", "https://", "https://c/api", "c:x", "c:99999999", "https://[::"]
    )
    def test_refuses(self, text: str) -> None:
        with pytest.raises(WrongUsage):
            read_address(text)


class TestRefusals:
    def test_name_the_fields(self) -> None:
        problem = {"detail": "Wrong.", "errors": {"lifetime": ["too short"], "text": ["Wrong."]}}

        assert str(ConsoleRefused(400, problem)) == "Wrong.\nlifetime: too short"

    @pytest.mark.parametrize("problem", [{}, {"errors": 7}, {"errors": {"a": 7}, "detail": None}])
    def test_survive_what_is_no_problem_document(self, problem: dict[str, object]) -> None:
        assert "status 502" in str(ConsoleRefused(502, problem))


def test_an_authority_that_is_none_is_refused() -> None:
    with pytest.raises(WrongUsage):
        context_trusting("nonsense")


def test_fingerprints_compare_with_and_without_colons() -> None:
    assert same_fingerprint("AB:CD", "abcd")
    assert not same_fingerprint("AB:CD", "abce")
