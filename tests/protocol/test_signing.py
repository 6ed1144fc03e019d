"""What is sealed is obeyed once, in time, by whom it is meant for; everything else is refused."""

from __future__ import annotations

from uuid import UUID

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from protocol import codec, limits, signing
from protocol.exceptions import (
    AudienceRefused,
    ExpiredInstruction,
    FleetWindowFull,
    InstructionNotYetValid,
    InstructionRefused,
    ReplayedInstruction,
    SignatureRefused,
    UnreadableInstruction,
)
from protocol.signing import FLEET, FleetWindow, Verifier, key_id_of, seal
from tests.protocol import samples

HERE, ELSEWHERE = samples.FIRST_ID, samples.SECOND_ID
KEY = Ed25519PrivateKey.from_private_bytes(bytes(32))
OTHER_KEY = Ed25519PrivateKey.from_private_bytes(b"\x01" * 32)
NOW = samples.AT
HOUR = 3_600_000_000
INSTRUCTION = samples.INSTRUCTIONS[2]
QUESTION = samples.QUESTION


def sealed(
    *,
    audience: UUID | None = HERE,
    sequence: int = 1,
    issued_at: int = NOW,
    expires_at: int = NOW + HOUR,
    key: Ed25519PrivateKey = KEY,
) -> bytes:
    return seal(
        QUESTION if audience is None else INSTRUCTION,
        private_key=key,
        audience=FLEET if audience is None else audience,
        sequence=sequence,
        issued_at=issued_at,
        expires_at=expires_at,
    )


def signed_by_hand(content: object, *, key: Ed25519PrivateKey = KEY) -> bytes:
    """Sign anything at all as a console would that was taken over, or is of another version."""
    signed = msgspec.msgpack.encode(content)
    return b"\x01" + key_id_of(key.public_key()) + key.sign(signing.DOMAIN + signed) + signed


def part(**changes: object) -> dict[str, object]:
    return {
        "audience": str(HERE),
        "sequence": 1,
        "issued_at": NOW,
        "expires_at": NOW + HOUR,
        "key_id": key_id_of(KEY.public_key()),
        "instruction": b"\x00\x80",
        **changes,
    }


def verifier(sequences: dict[str, int] | None = None) -> Verifier:
    return Verifier(trusted_keys=[KEY.public_key()], endpoint_id=HERE, sequences=sequences)


class TestSealing:
    @pytest.mark.parametrize("instruction", samples.INSTRUCTIONS, ids=samples.tag_of)
    def test_gives_back_any_instruction(self, instruction: object) -> None:
        envelope = seal(
            instruction,  # type: ignore[arg-type]  # pytest gives an object
            private_key=KEY,
            audience=HERE,
            sequence=7,
            issued_at=NOW,
            expires_at=NOW + HOUR,
        )

        assert verifier().open(envelope, now=NOW) == (instruction, 7)

    def test_reaches_the_whole_fleet(self) -> None:
        assert verifier().open(sealed(audience=None), now=NOW) == (QUESTION, 1)

    @pytest.mark.parametrize("instruction", samples.INSTRUCTIONS[:3], ids=samples.tag_of)
    def test_refuses_anything_but_questions_for_the_fleet(self, instruction: object) -> None:
        with pytest.raises(InstructionRefused, match="only questions"):
            seal(
                instruction,  # type: ignore[arg-type]  # pytest gives an object
                private_key=KEY,
                audience=FLEET,
                sequence=1,
                issued_at=NOW,
                expires_at=NOW + HOUR,
            )

    @pytest.mark.parametrize(
        "fault", [{"sequence": 0}, {"expires_at": NOW}, {"expires_at": NOW - HOUR}]
    )
    def test_refuses_what_nobody_would_accept(self, fault: dict[str, int]) -> None:
        with pytest.raises(InstructionRefused):
            sealed(**fault)  # type: ignore[arg-type]  # only integers are in there

    def test_writes_the_documented_layout(self) -> None:
        envelope = sealed()

        assert envelope[0] == 1
        assert envelope[1:9] == key_id_of(KEY.public_key())
        KEY.public_key().verify(envelope[9:73], b"vedette instruction v1\0" + envelope[73:])
        assert msgspec.msgpack.decode(envelope[73:])["audience"] == str(HERE)


class TestSignature:
    def test_of_an_unknown_key_is_refused(self) -> None:
        with pytest.raises(SignatureRefused, match="not trusted"):
            verifier().open(sealed(key=OTHER_KEY), now=NOW)

    def test_of_an_unknown_key_in_the_name_of_a_trusted_one_is_refused(self) -> None:
        envelope = sealed(key=OTHER_KEY)
        forged = envelope[:1] + key_id_of(KEY.public_key()) + envelope[9:]

        with pytest.raises(SignatureRefused, match="wrong"):
            verifier().open(forged, now=NOW)

    def test_made_for_something_else_is_refused(self) -> None:
        signed = sealed()[73:]
        elsewhere = b"\x01" + key_id_of(KEY.public_key()) + KEY.sign(signed) + signed

        with pytest.raises(SignatureRefused, match="wrong"):
            verifier().open(elsewhere, now=NOW)

    @pytest.mark.parametrize("position", [0, 1, 9, 72, 73, -1])
    def test_notices_one_changed_bit_anywhere(self, position: int) -> None:
        envelope = bytearray(sealed())
        envelope[position] ^= 1

        with pytest.raises(SignatureRefused):
            verifier().open(bytes(envelope), now=NOW)

    @given(envelope=st.binary(max_size=200))
    def test_any_bytes_are_refused(self, envelope: bytes) -> None:
        for forged in (envelope, sealed()[:73] + envelope):
            with pytest.raises(SignatureRefused):
                verifier().open(forged, now=NOW)

    def test_comes_before_everything_else(self) -> None:
        envelope = sealed(audience=ELSEWHERE, expires_at=NOW + 1, key=OTHER_KEY)

        with pytest.raises(SignatureRefused):
            verifier().open(envelope, now=NOW + HOUR)

    def test_may_be_of_any_of_several_keys(self) -> None:
        both = Verifier(trusted_keys=[KEY.public_key(), OTHER_KEY.public_key()], endpoint_id=HERE)

        assert both.open(sealed(key=OTHER_KEY), now=NOW) == (INSTRUCTION, 1)

    @pytest.mark.parametrize("content", [[], {}, part(sequence="1"), b"\xff", None])
    def test_over_something_that_is_no_envelope_is_refused(self, content: object) -> None:
        with pytest.raises(SignatureRefused, match="not an instruction's envelope"):
            verifier().open(signed_by_hand(content), now=NOW)

    def test_in_the_name_of_another_key_is_refused(self) -> None:
        content = part(key_id=key_id_of(OTHER_KEY.public_key()))

        with pytest.raises(SignatureRefused, match="another"):
            verifier().open(signed_by_hand(content), now=NOW)


class TestAudience:
    def test_elsewhere_is_refused(self) -> None:
        with pytest.raises(AudienceRefused, match=str(ELSEWHERE)):
            verifier().open(sealed(audience=ELSEWHERE), now=NOW)

    def test_of_everybody_is_refused_for_what_only_one_may_be_told(self) -> None:
        instruction = codec.INSTRUCTION.encode(INSTRUCTION)
        envelope = signed_by_hand(part(audience=FLEET, instruction=instruction))

        with pytest.raises(AudienceRefused, match="none for the whole fleet"):
            verifier().open(envelope, now=NOW)


class TestTime:
    def test_over_is_refused(self) -> None:
        with pytest.raises(ExpiredInstruction):
            verifier().open(sealed(), now=NOW + HOUR + limits.CLOCK_DIFFERENCE + 1)

    def test_not_come_is_refused(self) -> None:
        with pytest.raises(InstructionNotYetValid):
            verifier().open(sealed(), now=NOW - limits.CLOCK_DIFFERENCE - 1)

    def test_of_a_clock_an_hour_ahead_is_refused_until_it_is_corrected(self) -> None:
        short = sealed(expires_at=NOW + 60_000_000)
        opener = verifier()
        with pytest.raises(ExpiredInstruction):
            opener.open(short, now=NOW + HOUR)

        assert opener.open(short, now=NOW) == (INSTRUCTION, 1)

    @pytest.mark.parametrize(
        "now", [NOW - limits.CLOCK_DIFFERENCE, NOW + HOUR + limits.CLOCK_DIFFERENCE]
    )
    def test_may_be_off_by_what_clocks_differ(self, now: int) -> None:
        assert verifier().open(sealed(), now=now) == (INSTRUCTION, 1)


class TestSequence:
    def test_once_accepted_is_refused_for_ever(self) -> None:
        opener = verifier()
        opener.open(sealed(sequence=5), now=NOW)

        for replayed in (5, 4, 1):
            with pytest.raises(ReplayedInstruction):
                opener.open(sealed(sequence=replayed), now=NOW)
        assert opener.open(sealed(sequence=9), now=NOW) == (INSTRUCTION, 9)

    def test_counts_for_each_audience(self) -> None:
        opener = verifier()

        opener.open(sealed(sequence=5), now=NOW)
        opener.open(sealed(sequence=2, audience=None), now=NOW)

        assert opener.sequences == {str(HERE): 5}
        assert opener.fleet.accepted == {2: NOW + HOUR}

    def test_survives_a_restart_of_the_agent(self) -> None:
        before = verifier()
        before.open(sealed(sequence=5), now=NOW)

        after = verifier(before.sequences)

        with pytest.raises(ReplayedInstruction, match="after 5"):
            after.open(sealed(sequence=5), now=NOW)

    def test_is_not_used_up_by_what_was_refused(self) -> None:
        opener = verifier()
        with pytest.raises(ExpiredInstruction):
            opener.open(sealed(sequence=5), now=NOW + 2 * HOUR)

        assert opener.sequences == {}

    def test_of_an_unreadable_instruction_is_told_and_kept_for_a_later_version(self) -> None:
        unknown = b"\x00" + msgspec.msgpack.encode({"t": "endpoint.levitate"})
        opener = verifier()

        with pytest.raises(UnreadableInstruction, match="levitate") as refusal:
            opener.open(signed_by_hand(part(sequence=3, instruction=unknown)), now=NOW)

        assert refusal.value.sequence == 3
        assert opener.sequences == {}

    def test_of_an_instruction_above_the_limit_is_told_too(self) -> None:
        content = part(instruction=bytes(limits.INSTRUCTION + 1))

        with pytest.raises(UnreadableInstruction, match="limit"):
            verifier().open(signed_by_hand(content), now=NOW)


class TestFleetWindow:
    def test_accepts_sequences_in_any_order_and_each_once(self) -> None:
        opener = verifier()

        for sequence in (5, 2, 9):
            envelope = sealed(sequence=sequence, audience=None)
            assert opener.open(envelope, now=NOW) == (QUESTION, sequence)
            with pytest.raises(ReplayedInstruction):
                opener.open(envelope, now=NOW)

    def test_does_not_remember_what_was_only_checked(self) -> None:
        opener = verifier()
        envelope = sealed(sequence=5, audience=None)
        first = opener.check(envelope, now=NOW)

        again = opener.check(envelope, now=NOW)

        assert tuple(first) == tuple(again) == (QUESTION, 5, FLEET, NOW + HOUR)
        opener.accept(again)
        with pytest.raises(ReplayedInstruction):
            opener.check(envelope, now=NOW)

    def test_survives_a_restart_of_the_agent(self) -> None:
        before = verifier()
        before.open(sealed(sequence=5, audience=None), now=NOW)

        after = Verifier(
            trusted_keys=[KEY.public_key()], endpoint_id=HERE, fleet=before.fleet.accepted
        )

        with pytest.raises(ReplayedInstruction):
            after.open(sealed(sequence=5, audience=None), now=NOW)

    def test_lets_a_sequence_be_used_again_when_its_first_use_has_expired(self) -> None:
        window = FleetWindow({7: NOW})

        with pytest.raises(ReplayedInstruction):
            window.check(7, now=NOW + limits.CLOCK_DIFFERENCE)
        window.check(7, now=NOW + limits.CLOCK_DIFFERENCE + 1)

    def test_is_bounded_and_forgets_what_has_expired(self) -> None:
        full = {sequence: NOW + sequence for sequence in range(limits.FLEET_WINDOW)}
        window = FleetWindow(full)

        with pytest.raises(FleetWindowFull):
            window.check(limits.FLEET_WINDOW, now=NOW)
        window.check(limits.FLEET_WINDOW, now=NOW + limits.CLOCK_DIFFERENCE + 2)

        assert len(window.accepted) == limits.FLEET_WINDOW - 2

    @given(
        steps=st.lists(
            st.tuples(st.integers(1, 20), st.integers(1, 1000), st.integers(0, 300)), max_size=60
        )
    )
    def test_lets_nothing_in_twice_while_it_is_current(
        self, steps: list[tuple[int, int, int]]
    ) -> None:
        window = FleetWindow()
        now, accepted = NOW, set[int]()
        for sequence, lifetime, passed in steps:
            now += passed
            try:
                window.check(sequence, now=now)
            except ReplayedInstruction:
                assert sequence in accepted
            else:
                assert sequence not in accepted
                window.remember(sequence, expires_at=now + lifetime)
                accepted.add(sequence)

    @given(
        lifetimes=st.lists(st.integers(1, 10), min_size=1, max_size=200),
        bound=st.integers(1, 16),
    )
    def test_never_holds_more_than_its_bound(self, lifetimes: list[int], bound: int) -> None:
        window = FleetWindow()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(limits, "FLEET_WINDOW", bound)
            patch.setattr(limits, "CLOCK_DIFFERENCE", 0)
            for sequence, lifetime in enumerate(lifetimes):
                now = NOW + sequence
                current = {at for at, until in window.accepted.items() if until >= now}
                try:
                    window.check(sequence, now=now)
                except FleetWindowFull:
                    assert len(current) >= bound
                else:
                    assert current <= window.accepted.keys()
                    window.remember(sequence, expires_at=now + lifetime)

                assert len(window.accepted) <= bound
