"""Wake-ups name endpoints and carry what is small."""

from __future__ import annotations

import uuid
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.gateway.exceptions import DamagedWakeUp
from console.gateway.wakeups import (
    CARRIED_BYTES,
    SealedInstruction,
    WakeUp,
    decode_wake_up,
    encode_wake_up,
    wake_up_for,
)

FIRST, SECOND = uuid.UUID(int=1), uuid.UUID(int=2)
sealed = st.builds(
    SealedInstruction,
    st.uuids(),
    st.integers(min_value=1, max_value=2**63 - 1),
    st.binary(max_size=100),
)


class TestWakeUp:
    def test_carries_small_envelopes_in_order_and_names_who_gets_a_large_one(self) -> None:
        small = [SealedInstruction(FIRST, number, b"small") for number in (1, 2)]
        large = SealedInstruction(SECOND, 7, bytes(CARRIED_BYTES + 1))

        assert wake_up_for([*small, large, large]) == WakeUp([SECOND], small)

    @given(st.builds(WakeUp, st.lists(st.uuids()), st.lists(sealed)))
    def test_arrives_as_it_was_sent(self, wake_up: WakeUp) -> None:
        assert decode_wake_up(encode_wake_up(wake_up)) == wake_up

    @given(st.binary(max_size=64))
    def test_is_refused_by_its_own_error_when_it_is_something_else(self, announced: bytes) -> None:
        with suppress(DamagedWakeUp):
            assert isinstance(decode_wake_up(announced), WakeUp)

    def test_is_refused_when_it_is_cut(self) -> None:
        with pytest.raises(DamagedWakeUp):
            decode_wake_up(encode_wake_up(WakeUp([FIRST]))[:-1])
