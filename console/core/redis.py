"""Redis: how programs reach it, and every name that they share in it.

Streams and hashes are durable working copies, pub/sub channels only wake somebody up: whoever
misses a wake-up must find the same news in a stream, a set or the database.
"""

from __future__ import annotations

from typing import Final
from uuid import UUID

import redis
import redis.asyncio
from django.conf import settings

# One entry is one batch of one gateway (see `console.gateway.batches`).
UPWARD_STREAM: Final = "vedette:upward"
INGESTERS: Final = "ingesters"
DEAD_LETTERS: Final = "vedette:dead-letters"

# The ingester writes here why it cannot store anything now; the key expires by itself.
INGEST_REFUSAL: Final = "vedette:ingest-refusal"

# SHA-256 fingerprints (hex) of revoked endpoint certificates; the channel carries new ones.
REVOKED_CERTIFICATES: Final = "vedette:revoked-certificates"
REVOKED_CHANNEL: Final = "vedette:revoked"

# Wake-ups: for whom instructions wait, small ones included (`console.gateway.wakeups`).
WAKE_CHANNEL: Final = "vedette:wake"

# Endpoints that moved from one gateway to another (`console.gateway.arrivals`).
ARRIVALS_CHANNEL: Final = "vedette:arrivals"

# Open broadcasts: id (16 bytes) → when it expires (epoch seconds).
BROADCASTS: Final = "vedette:broadcasts"
# An id of a broadcast (16 bytes), then the ids of those endpoints that are new to it; none: all.
BROADCAST_CHANNEL: Final = "vedette:broadcast"
# An id of a broadcast that ended before its time.
WITHDRAWN_CHANNEL: Final = "vedette:broadcast-withdrawn"

# How long a program waits for one answer, in seconds. Blocking reads must ask for less.
ANSWER_TIMEOUT: Final = 5.0


def committed_stream(gateway: str) -> str:
    """Name the stream in which one gateway learns which of its batches are committed."""
    return f"vedette:committed:{gateway}"


def instructions_key(endpoint_id: UUID) -> str:
    """Name the hash of an endpoint's waiting instructions: sequence → sealed envelope."""
    return f"vedette:instructions:{endpoint_id.hex}"


def broadcast_key(broadcast_id: UUID) -> str:
    """Name the key with a broadcast's sealed envelope."""
    return f"vedette:broadcast:{broadcast_id.hex}"


def waiting_key(broadcast_id: UUID) -> str:
    """Name the set of endpoints (16 bytes each) for which a broadcast still waits."""
    return f"vedette:broadcast:{broadcast_id.hex}:waiting"


def sent_key(broadcast_id: UUID) -> str:
    """Name the set of endpoints (16 bytes each) to which a broadcast was written."""
    return f"vedette:broadcast:{broadcast_id.hex}:sent"


def alive_key(program: str) -> str:
    """Name the key that lives as long as a program reports."""
    return f"vedette:alive:{program}"


def client() -> redis.Redis:
    """Return a client for threads (bytes in, bytes out). Close it, or keep it for the process."""
    return redis.Redis.from_url(settings.REDIS_URL, socket_timeout=ANSWER_TIMEOUT)


def async_client() -> redis.asyncio.Redis:
    """Return a client for one event loop (bytes in, bytes out). Close it with `aclose`."""
    return redis.asyncio.Redis.from_url(settings.REDIS_URL, socket_timeout=ANSWER_TIMEOUT)
