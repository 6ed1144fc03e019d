"""Gateways tell each other who came, and compare the computers."""

from __future__ import annotations

import uuid
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.gateway.arrivals import (
    Arrivals,
    Computer,
    decode_arrivals,
    encode_arrivals,
    suspicion_of,
)
from console.gateway.exceptions import DamagedArrivals

computers = st.builds(Computer, st.text(max_size=20), st.text(max_size=20), st.text(max_size=20))


class TestArrivals:
    @given(st.builds(Arrivals, st.text(max_size=32), st.dictionaries(st.uuids(), computers)))
    def test_arrive_as_they_were_sent(self, arrivals: Arrivals) -> None:
        assert decode_arrivals(encode_arrivals(arrivals)) == arrivals

    @given(st.binary(max_size=64))
    def test_are_refused_by_their_own_error_when_they_are_something_else(
        self, announced: bytes
    ) -> None:
        with suppress(DamagedArrivals):
            assert isinstance(decode_arrivals(announced), Arrivals)

    def test_are_refused_when_they_are_cut(self) -> None:
        whole = encode_arrivals(Arrivals("a", {uuid.UUID(int=1): Computer("m", "h", "10.0.0.1")}))

        with pytest.raises(DamagedArrivals):
            decode_arrivals(whole[:-1])


class TestSuspicionOf:
    def test_says_nothing_about_one_computer_with_another_address(self) -> None:
        at_home, at_work = (Computer("m", "laptop", each) for each in ("10.0.0.1", "10.9.0.1"))

        assert suspicion_of(at_home, at_work) == ""

    def test_names_both_computers_and_their_addresses(self) -> None:
        said = suspicion_of(Computer("m", "a", "10.0.0.1"), Computer("n", "b", "10.0.0.2"))

        assert said == "a at 10.0.0.1 and b at 10.0.0.2 use one certificate"
