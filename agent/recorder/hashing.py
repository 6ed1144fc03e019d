"""MD5, SHA-1 and SHA-256 of a file in one read.

The two weak ones are names that intelligence uses for files, not protection.
"""

from __future__ import annotations

import hashlib
import os
from typing import Final

import msgspec

_PIECE_BYTES: Final = 1 << 20


class Hashes(msgspec.Struct, frozen=True):
    """The three hashes of one content, in lower-case hexadecimal."""

    md5: str
    sha1: str
    sha256: str


def hash_descriptor(descriptor: int) -> Hashes:
    """Hash an open regular file from its beginning. Its read position is not used."""
    md5 = hashlib.md5(usedforsecurity=False)
    sha1 = hashlib.sha1(usedforsecurity=False)
    sha256 = hashlib.sha256()
    position = 0
    while piece := os.pread(descriptor, _PIECE_BYTES, position):
        md5.update(piece)
        sha1.update(piece)
        sha256.update(piece)
        position += len(piece)
    return Hashes(md5.hexdigest(), sha1.hexdigest(), sha256.hexdigest())
