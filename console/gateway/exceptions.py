"""The refusals of the always-on channel.

GatewayError
├── DamagedBatch            an entry of the stream that no gateway wrote
├── DamagedWakeUp           an announcement that no service wrote
├── UnknownPeer             a certificate that names no endpoint
└── StorageUnavailable      the database cannot store anything now
"""

from __future__ import annotations


class GatewayError(Exception):
    """The base of this package's errors."""


class DamagedBatch(GatewayError):
    """An entry of the stream that no gateway wrote."""


class DamagedWakeUp(GatewayError):
    """An announcement that no service wrote."""


class DamagedArrivals(GatewayError):
    """An announcement that no gateway wrote."""


class UnknownPeer(GatewayError):
    """A peer without a certificate, or with one that names no endpoint."""


class StorageUnavailable(GatewayError):
    """The database is locked, full or away: nothing is lost, it is tried again.

    `shown` says it in words for everybody, without addresses or paths.
    """

    def __init__(self, reason: str, *, shown: str) -> None:
        super().__init__(reason)
        self.shown = shown
