"""What a publication holds: every deployed rule as it was when it was deployed.

Packed, so that a document that is edited afterwards does not change what endpoints have, and so
that a newcomer gets the same bytes a year later.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Final

import msgspec
import zstandard

from protocol.instructions import SignalRule

ZSTD_LEVEL: Final = 3

_encoder: Final = msgspec.msgpack.Encoder(uuid_format="bytes")
_decoder: Final = msgspec.msgpack.Decoder(list[SignalRule])


def pack_rules(rules: Sequence[SignalRule]) -> tuple[bytes, str]:
    """Return the packed rules and the SHA-256 (hex) of what is packed."""
    packed = _encoder.encode(rules)
    compressed = zstandard.ZstdCompressor(level=ZSTD_LEVEL).compress(packed)
    return compressed, hashlib.sha256(packed).hexdigest()


def unpack_rules(content: bytes) -> list[SignalRule]:
    """Return the rules that `pack_rules` packed."""
    return _decoder.decode(zstandard.ZstdDecompressor().decompress(content))


def rules_for(rules: Sequence[SignalRule], os: str) -> list[SignalRule]:
    """Return the rules that an endpoint with this operating system evaluates."""
    return [rule for rule in rules if os in rule.platforms]
