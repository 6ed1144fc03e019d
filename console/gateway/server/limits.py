"""How much the gateway gives to one endpoint and to all of them, each figure with its reason."""

from __future__ import annotations

from dataclasses import dataclass

KIB = 1024
MIB = 1024 * KIB


@dataclass(frozen=True, slots=True)
class Limits:
    """Sizes are in bytes, times in seconds. Tests make some of them smaller."""

    # From the accepted TCP connection to Hello.
    handshake_timeout: float = 10.0
    # TLS handshakes at once. More would make all of them slow enough to time out together.
    handshakes: int = 1024
    # When as many are under way, the oldest one above this age makes room for a new one.
    handshake_patience: float = 4.0

    # One endpoint's messages; a noisy rule is throttled at the endpoint far below this. Above it
    # the gateway reads more slowly, and TCP holds the sender back: nothing is dropped.
    messages_per_second: float = 200.0
    messages_burst: float = 4000.0
    bytes_per_second: float = 1 * MIB
    bytes_burst: float = 8 * MIB

    # While messages arrive, their senders may hear so long later that they are committed. Far below
    # the time after which an agent sends again; what an agent has under way lasts longer, too.
    receipt_delay: float = 1.0

    # An entry of the stream.
    batch_items: int = 2000
    batch_bytes: int = 1 * MIB
    batch_delay: float = 0.02
    # With a backlog, larger and fewer entries are cheaper for everybody.
    batch_delay_backlog: float = 0.25
    backlog_busy: int = 50
    # Entries that wait for ingesters before endpoints are told to wait, too.
    backlog_full: int = 2000
    # Messages in the gateway's own memory while Redis does not answer.
    held_items: int = 20_000
    held_bytes: int = 64 * MIB

    # Told to the agent by Welcome. The connection itself is watched by TCP keepalive.
    heartbeat_interval: float = 30.0
    status_interval: float = 30.0
    # A peer that sent nothing for this many heartbeats is not working, even if TCP says so.
    heartbeats_missed: float = 3.0

    # TCP keepalive and user time-out: a pulled cable is noticed after 8 seconds.
    keepalive_idle: int = 3
    keepalive_interval: int = 2
    keepalive_count: int = 2
    user_timeout: int = 8

    presence_delay: float = 0.1
    presence_refresh: float = 5.0
    # Endpoints whose instructions are fetched at once.
    delivery_slice: int = 500

    # What an endpoint is told by Later.
    retry_after_min: float = 3.0
    retry_after_max: float = 10.0
    # A draining gateway spreads its endpoints over this time, and at 500 a second when many.
    drain_spread: float = 5.0
    reconnects_per_second: float = 500.0
    # A draining gateway waits this long for what it took to be committed.
    drain_patience: float = 3.0
