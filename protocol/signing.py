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
from typing import Final, Literal
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
    InstructionNotYetValid,
    InstructionRefused,
    MalformedMessage,
    MessageTooLarge,
    ReplayedInstruction,
    SignatureRefused,
    UnreadableInstruction,
)
from protocol.instructions import AnyInstruction

# A signature made for anything else than an instruction does not verify here, nor this one there.
DOMAIN: Final = b"vedette instruction v1\x00"
FLEET: Final = "*"

_FORM: Final = b"\x01"
_KEY_ID_BYTES: Final = 8
_SIGNATURE_BYTES: Final = 64
_SIGNATURE_AT: Final = len(_FORM) + _KEY_ID_BYTES
_SIGNED_AT: Final = _SIGNATURE_AT + _SIGNATURE_BYTES


class SignedPart(msgspec.Struct, kw_only=True, frozen=True):
    """What the signature covers. Instants are microseconds since the epoch, UTC.

    `audience` is the endpoint's UUID, or `FLEET` for every endpoint. `sequence` grows with every
    instruction to the same audience. `instruction` is one encoded instruction.
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
    if sequence < 1:
        raise InstructionRefused(f"sequences count from 1, not {sequence}")
    if expires_at <= issued_at:
        raise InstructionRefused("the instruction expires before it is issued")
    key_id = key_id_of(private_key.public_key())
    signed = _encoder.encode(
        SignedPart(
            audience=str(audience),
            sequence=sequence,
            issued_at=issued_at,
            expires_at=expires_at,
            key_id=key_id,
            instruction=codec.INSTRUCTION.encode(instruction),
        )
    )
    return _FORM + key_id + private_key.sign(DOMAIN + signed) + signed


class Verifier:
    """Opens envelopes at one endpoint and remembers which instructions it has accepted.

    `sequences` maps each audience (`str` of the endpoint's UUID, and `FLEET`) to the highest
    sequence that was accepted. Store it after `open` and before acting; pass it in at the next
    start. A lost store would let old instructions in again until they expire.
    """

    def __init__(
        self,
        *,
        trusted_keys: Iterable[Ed25519PublicKey],
        endpoint_id: UUID,
        sequences: Mapping[str, int] | None = None,
    ) -> None:
        self._keys = {key_id_of(key): key for key in trusted_keys}
        self._audiences = frozenset({str(endpoint_id), FLEET})
        self.sequences: dict[str, int] = dict(sequences or {})

    def open(self, envelope: bytes, *, now: int) -> tuple[AnyInstruction, int]:
        """Verify an envelope and give its instruction and sequence.

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
        last = self.sequences.get(part.audience, 0)
        if part.sequence <= last:
            raise ReplayedInstruction(f"instruction {part.sequence} after {last} was accepted")
        try:
            instruction = codec.INSTRUCTION.decode(part.instruction)
        except (MalformedMessage, MessageTooLarge) as error:
            raise UnreadableInstruction(part.sequence, str(error)) from error
        self.sequences[part.audience] = part.sequence
        return instruction, part.sequence

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
