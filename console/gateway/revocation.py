"""The certificates that must not be let in, known in memory.

A revocation is for ever: fingerprints are added and never removed, so that a Redis that lost its
data lets nobody in again. The handshake checks the CRL as well.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import redis.asyncio

from console.certificates.tls import fingerprint_of
from console.core.redis import REVOKED_CERTIFICATES


class RevokedCertificates:
    """The fingerprints of revoked certificates; `on_revoked` runs when there are new ones."""

    def __init__(self, on_revoked: Callable[[], None]) -> None:
        self._fingerprints: set[str] = set()
        self._on_revoked = on_revoked

    def __contains__(self, fingerprint: str) -> bool:
        return fingerprint in self._fingerprints

    def refuses(self, certificate: bytes) -> bool:
        """Tell whether this certificate (DER) is revoked."""
        return bool(self._fingerprints) and fingerprint_of(certificate) in self._fingerprints

    async def load(self, client: redis.asyncio.Redis) -> None:
        """Add everything that is revoked so far. Raises `redis.RedisError`."""
        members: set[Any] = await client.smembers(REVOKED_CERTIFICATES)
        self._add({member.decode() for member in members})

    def hear(self, announced: bytes) -> None:
        """Take one announcement: fingerprints joined by blanks."""
        self._add(set(announced.decode("ascii", "replace").split()))

    def _add(self, fingerprints: set[str]) -> None:
        if fingerprints <= self._fingerprints:
            return
        self._fingerprints |= fingerprints
        self._on_revoked()
