"""Sealed instructions: only what the console signed, for this endpoint, now and once, is obeyed.

An envelope has a fixed layout, so that nothing is parsed before the signature is verified::

    byte   0        1 … 8       9 … 72        73 …
          form     key id      signature     signed bytes
          0x01     8 bytes     Ed25519       MessagePack of `SignedPart`

The signature is over `DOMAIN` and the signed bytes; the key id is the first 8 bytes of the
SHA-256 of the public key. It stands in the signed bytes again, so that it is signed, too.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Final, Literal, NamedTuple
from uuid import UUID

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)

from protocol import codec, limits
from protocol.exceptions import (
    AudienceRefused,
    ExpiredInstruction,
    FleetWindowFull,
    InstructionNotYetValid,
    InstructionRefused,
    MalformedMessage,
    MessageTooLarge,
    ReplayedInstruction,
    SignatureRefused,
    UnreadableInstruction,
)
from protocol.instructions import AnyInstruction, AskQuestion

# A signature made for anything else than an instruction does not verify here, nor this one there.
DOMAIN: Final = b"vedette instruction v1\x00"
FLEET: Final = "*"
# What may be sealed for the fleet: only what does no harm when it is carried out again. See
# `FleetWindow` for the reason.
FOR_THE_FLEET: Final = (AskQuestion,)

_FORM: Final = b"\x01"
_KEY_ID_BYTES: Final = 8
_SIGNATURE_BYTES: Final = 64
_SIGNATURE_AT: Final = len(_FORM) + _KEY_ID_BYTES
_SIGNED_AT: Final = _SIGNATURE_AT + _SIGNATURE_BYTES


class SignedPart(msgspec.Struct, kw_only=True, frozen=True):
    """What the signature covers. Instants are microseconds since the epoch, UTC.

    `audience` is the endpoint's UUID, or `FLEET` for every endpoint. `sequence` grows with every
    instruction to the same audience; those of the fleet may arrive in any order. `instruction` is
    one encoded instruction.
    """

    audience: str
    sequence: int
    issued_at: int
    expires_at: int
    key_id: bytes
    instruction: bytes


_encoder: Final = msgspec.msgpack.Encoder()
_decoder: Final = msgspec.msgpack.Decoder(SignedPart)


def key_id_of(public_key: Ed25519PublicKey) -> bytes:
    """Name a public key in eight bytes."""
    return hashlib.sha256(public_key.public_bytes_raw()).digest()[:_KEY_ID_BYTES]


def seal(
    instruction: AnyInstruction,
    *,
    private_key: Ed25519PrivateKey,
    audience: UUID | Literal["*"],
    sequence: int,
    issued_at: int,
    expires_at: int,
) -> bytes:
    """Sign an instruction for one endpoint, or for all of them when `audience` is `FLEET`.

    `sequence` must be above all former ones of that audience; instants are in µs. Raises
    `InstructionRefused` for an instruction that no endpoint would accept.
    """
    sealer = Sealer(
        instruction, private_key=private_key, issued_at=issued_at, expires_at=expires_at
    )
    return sealer.seal(audience=audience, sequence=sequence)


class Sealer:
    """Seals one instruction for many audiences: what all envelopes share is made once.

    Instants are in µs. Raises `InstructionRefused` for an instruction that no endpoint would
    accept, and `MessageTooLarge`.
    """

    def __init__(
        self,
        instruction: AnyInstruction,
        *,
        private_key: Ed25519PrivateKey,
        issued_at: int,
        expires_at: int,
    ) -> None:
        if expires_at <= issued_at:
            raise InstructionRefused("the instruction expires before it is issued")
        self._private_key = private_key
        self._key_id = key_id_of(private_key.public_key())
        self._issued_at = issued_at
        self._expires_at = expires_at
        self._is_for_the_fleet = isinstance(instruction, FOR_THE_FLEET)
        self._encoded = codec.INSTRUCTION.encode(instruction)

    def seal(self, *, audience: UUID | Literal["*"], sequence: int) -> bytes:
        """Sign it for one endpoint, or for all of them when `audience` is `FLEET`.

        `sequence` must be above all former ones of that audience. Raises `InstructionRefused` for
        the fleet when the instruction is none of `FOR_THE_FLEET`.
        """
        if audience == FLEET and not self._is_for_the_fleet:
            raise InstructionRefused("only questions may be sealed for the fleet")
        if sequence < 1:
            raise InstructionRefused(f"sequences count from 1, not {sequence}")
        signed = _encoder.encode(
            SignedPart(
                audience=str(audience),
                sequence=sequence,
                issued_at=self._issued_at,
                expires_at=self._expires_at,
                key_id=self._key_id,
                instruction=self._encoded,
            )
        )
        return _FORM + self._key_id + self._private_key.sign(DOMAIN + signed) + signed


class FleetWindow:
    """Which of the fleet's sequences were accepted: each is remembered until it expires.

    An endpoint that was away gets the fleet's instructions in any order, so "above the last one"
    would refuse what it missed. Whoever can turn the endpoint's clock forward and back can empty
    the window and replay: hence only `FOR_THE_FLEET` goes this way.

    `accepted` maps sequences to the µs at which they expire. Pass it in at the next start.
    """

    def __init__(self, accepted: Mapping[int, int] | None = None) -> None:
        self.accepted: dict[int, int] = dict(accepted or {})

    def check(self, sequence: int, *, now: int) -> None:
        """Refuse a sequence that is remembered, and any above the bound.

        What has expired at `now` (µs) counts as forgotten, because such an envelope is refused
        for its time: a console that was restored from a backup gives old sequences once more.
        Raises `ReplayedInstruction` or `FleetWindowFull`.
        """
        oldest = now - limits.CLOCK_DIFFERENCE
        if self.accepted.get(sequence, oldest - 1) >= oldest:
            raise ReplayedInstruction(f"the fleet's instruction {sequence} was accepted before")
        if len(self.accepted) >= limits.FLEET_WINDOW:
            self.accepted = {at: until for at, until in self.accepted.items() if until >= oldest}
        if len(self.accepted) >= limits.FLEET_WINDOW:
            raise FleetWindowFull(f"{limits.FLEET_WINDOW} of the fleet's instructions are current")

    def remember(self, sequence: int, *, expires_at: int) -> None:
        """Refuse this sequence from now on; `expires_at` in µs."""
        self.accepted[sequence] = expires_at


class Opened(NamedTuple):
    """A verified instruction, and how it was sealed. `expires_at` is in µs."""

    instruction: AnyInstruction
    sequence: int
    audience: str
    expires_at: int


class Verifier:
    """Opens envelopes at one endpoint and remembers which instructions it has accepted.

    `sequences` maps the endpoint's UUID (as text) to the highest sequence that was accepted;
    `fleet` holds those of the fleet. Store both after `accept` and before acting; pass them in at
    the next start. A lost store would let old instructions in again until they expire.
    """

    def __init__(
        self,
        *,
        trusted_keys: Iterable[Ed25519PublicKey],
        endpoint_id: UUID,
        sequences: Mapping[str, int] | None = None,
        fleet: Mapping[int, int] | None = None,
    ) -> None:
        self._keys = {key_id_of(key): key for key in trusted_keys}
        self._audiences = frozenset({str(endpoint_id), FLEET})
        self.sequences: dict[str, int] = dict(sequences or {})
        self.fleet = FleetWindow(fleet)

    def open(self, envelope: bytes, *, now: int) -> tuple[AnyInstruction, int]:
        """Verify and accept an envelope; give its instruction and sequence. Raises as `check`."""
        opened = self.check(envelope, now=now)
        self.accept(opened)
        return opened.instruction, opened.sequence

    def check(self, envelope: bytes, *, now: int) -> Opened:
        """Verify an envelope without accepting it yet.

        `now` is in µs, corrected by `Welcome.server_at`. Checks signature, audience, time and
        sequence in this order and raises the `InstructionRefused` of the first that fails.
        """
        part = self._verify(envelope)
        if part.audience not in self._audiences:
            raise AudienceRefused(f"instruction {part.sequence} is for {part.audience}")
        if part.issued_at > now + limits.CLOCK_DIFFERENCE:
            raise InstructionNotYetValid(
                f"instruction {part.sequence} was issued {part.issued_at - now} µs from now"
            )
        if part.expires_at < now - limits.CLOCK_DIFFERENCE:
            raise ExpiredInstruction(
                f"instruction {part.sequence} expired {now - part.expires_at} µs ago"
            )
        self._check_sequence(part, now=now)
        try:
            instruction = codec.INSTRUCTION.decode(part.instruction)
        except (MalformedMessage, MessageTooLarge) as error:
            raise UnreadableInstruction(part.sequence, str(error)) from error
        if part.audience == FLEET and not isinstance(instruction, FOR_THE_FLEET):
            raise AudienceRefused(f"instruction {part.sequence} is none for the whole fleet")
        return Opened(instruction, part.sequence, part.audience, part.expires_at)

    def accept(self, opened: Opened) -> None:
        """Refuse this instruction from now on, and with it the earlier ones to this endpoint."""
        if opened.audience == FLEET:
            self.fleet.remember(opened.sequence, expires_at=opened.expires_at)
        else:
            last = self.sequences.get(opened.audience, 0)
            self.sequences[opened.audience] = max(last, opened.sequence)

    def _check_sequence(self, part: SignedPart, *, now: int) -> None:
        if part.audience == FLEET:
            self.fleet.check(part.sequence, now=now)
            return
        last = self.sequences.get(part.audience, 0)
        if part.sequence <= last:
            raise ReplayedInstruction(f"instruction {part.sequence} after {last} was accepted")

    def _verify(self, envelope: bytes) -> SignedPart:
        if len(envelope) <= _SIGNED_AT or not envelope.startswith(_FORM):
            raise SignatureRefused(f"{len(envelope)} bytes are no envelope of this form")
        key_id = envelope[len(_FORM) : _SIGNATURE_AT]
        public_key = self._keys.get(key_id)
        if public_key is None:
            raise SignatureRefused(f"key {key_id.hex()} is not trusted")
        signed = envelope[_SIGNED_AT:]
        try:
            public_key.verify(envelope[_SIGNATURE_AT:_SIGNED_AT], DOMAIN + signed)
        except InvalidSignature as error:
            raise SignatureRefused(f"the signature of key {key_id.hex()} is wrong") from error
        return self._read_signed(signed, key_id)

    @staticmethod
    def _read_signed(signed: bytes, key_id: bytes) -> SignedPart:
        try:
            part = _decoder.decode(signed)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise SignatureRefused(f"signed, but not an instruction's envelope: {error}") from error
        if part.key_id != key_id:
            raise SignatureRefused("signed by one key in the name of another")
        return part
