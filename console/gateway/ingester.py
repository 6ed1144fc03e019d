"""The program that reads what gateways wrote, stores it and acknowledges it.

Entries belong to one consumer until it acknowledged them; what a killed ingester left behind is
claimed by the others, or by its successor. Storing twice is harmless, forgetting is not: an entry
leaves the stream only after its transaction committed.
"""

from __future__ import annotations

import random
import threading
import time
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import redis
import structlog
from django.db import DatabaseError, close_old_connections

from console.core.health import REPORT_INTERVAL, report_alive, report_unable
from console.core.redis import (
    DEAD_LETTERS,
    INGEST_REFUSAL,
    INGESTERS,
    UPWARD_STREAM,
    committed_stream,
)
from console.gateway.batches import Batch, decode_batch
from console.gateway.exceptions import DamagedBatch, StorageUnavailable
from console.gateway.ingest import Handler, SetAside, store_batches, trouble_of
from console.gateway.lock_patience import wait_briefly_for_locks
from console.gateway.services import (
    expire_instructions,
    restore_revoked_certificates,
    restore_waiting_instructions,
)
from protocol.messages import Message

log: structlog.stdlib.BoundLogger = structlog.get_logger()

ENTRIES_AT_ONCE: Final = 20
# Below the client's time-out (s): an empty answer must come in time.
BLOCK_MS: Final = 1000
RETRY_MIN: Final = 0.1
RETRY_MAX: Final = 1.0
# Told to gateways while nothing can be stored; expires when the ingester itself is gone. Longer
# than an attempt takes with its pause, so that it does not come and go.
REFUSAL_LIFETIME_MS: Final = 10_000
# An entry that its consumer did not acknowledge for so long belongs to whoever claims it.
ABANDONED_MS: Final = 10_000
CLAIM_INTERVAL: Final = 5.0
REVOKED_INTERVAL: Final = 5.0
RESTORE_INTERVAL: Final = 30.0
DEAD_LETTERS_KEPT: Final = 10_000
# A gateway's stream of commits outlives it by so many seconds.
COMMITTED_LIFETIME: Final = 3600

Entry = tuple[bytes, Mapping[bytes, bytes]]


class Ingester:
    """One consumer of the upward stream. `is_alone` tells that no other one can be running."""

    def __init__(
        self,
        client: redis.Redis,
        handlers: Mapping[type[Message], Handler],
        *,
        is_alone: bool,
    ) -> None:
        self._client: Any = client
        self._handlers = handlers
        self._consumer = uuid.uuid4().hex
        self._abandoned_ms = 0 if is_alone else ABANDONED_MS
        self._stopping = threading.Event()
        self._due = {"report": 0.0, "claim": 0.0, "revoked": 0.0, "restore": 0.0}

    def stop(self) -> None:
        """End after the batch at hand."""
        self._stopping.set()

    def run(self) -> None:
        """Ingest until `stop`; wait out a Redis or a database that is away."""
        wait_briefly_for_locks()
        pause = RETRY_MIN
        while not self._stopping.is_set():
            try:
                self._step()
                pause = RETRY_MIN
            except redis.RedisError as error:
                log.warning("ingester.redis_failed", reason=str(error))
                # Whatever it lost is written again as soon as it is back.
                self._due.update(claim=0.0, revoked=0.0, restore=0.0)
                self._stopping.wait(pause * random.uniform(0.5, 1.5))  # noqa: S311 - jitter
                pause = min(2 * pause, RETRY_MAX)

    def _step(self) -> None:
        self._keep_up_appearances()
        entries = self._claim_abandoned() or self._read_new()
        if entries:
            self._ingest(entries)

    def _keep_up_appearances(self) -> None:
        if self._is_due("report", REPORT_INTERVAL):
            report_alive("ingester")
        try:
            now = datetime.now(UTC)
            if self._is_due("revoked", REVOKED_INTERVAL):
                restore_revoked_certificates(now=now)
            if self._is_due("restore", RESTORE_INTERVAL):
                expire_instructions(now=now)
                restore_waiting_instructions(now=now)
        except DatabaseError as error:
            log.warning("ingester.cannot_restore", reason=str(error))
            report_unable("ingester", trouble_of(error))
            close_old_connections()

    def _is_due(self, name: str, interval: float) -> bool:
        now = time.monotonic()
        if now < self._due[name]:
            return False
        self._due[name] = now + interval
        return True

    # ------------------------------------------------------------------ reading

    def _read_new(self) -> list[Entry]:
        try:
            answer = self._client.xreadgroup(
                INGESTERS,
                self._consumer,
                {UPWARD_STREAM: ">"},
                count=ENTRIES_AT_ONCE,
                block=BLOCK_MS,
            )
        except redis.ResponseError as error:
            if not str(error).startswith("NOGROUP"):
                raise
            self._make_group()
            return []
        return _entries_of(answer)

    def _claim_abandoned(self) -> list[Entry]:
        if not self._is_due("claim", CLAIM_INTERVAL):
            return []
        try:
            _, entries, _ = self._client.xautoclaim(
                UPWARD_STREAM,
                INGESTERS,
                self._consumer,
                min_idle_time=self._abandoned_ms,
                count=ENTRIES_AT_ONCE,
            )
        except redis.ResponseError as error:
            if not str(error).startswith("NOGROUP"):
                raise
            self._make_group()
            return []
        if entries:
            # There may be more.
            self._due["claim"] = 0.0
        return list(entries)

    def _make_group(self) -> None:
        try:
            # From the beginning: gateways may have written before the first ingester came.
            self._client.xgroup_create(UPWARD_STREAM, INGESTERS, id="0", mkstream=True)
        except redis.ResponseError as error:
            if not str(error).startswith("BUSYGROUP"):
                raise

    # ------------------------------------------------------------------ storing

    def _ingest(self, entries: Sequence[Entry]) -> None:
        batches: dict[bytes, Batch] = {}
        damaged: list[Entry] = []
        for entry_id, fields in entries:
            try:
                batches[entry_id] = decode_batch(fields[b"batch"])
            except (DamagedBatch, KeyError) as error:
                log.warning("ingester.damaged_entry", entry=entry_id, reason=str(error))
                damaged.append((entry_id, fields))
        refused = self._store(list(batches.values()))
        if refused is not None:
            self._acknowledge(batches, damaged, refused)

    def _store(self, batches: Sequence[Batch]) -> list[SetAside] | None:
        """Store until it works. Returns None when the program was told to stop instead."""
        pause = RETRY_MIN
        while not self._stopping.is_set():
            try:
                return store_batches(batches, self._handlers)
            except StorageUnavailable as error:
                log.warning("ingester.storage_unavailable", reason=str(error))
                self._refuse(error)
                close_old_connections()
                self._stopping.wait(pause * random.uniform(0.5, 1.5))  # noqa: S311 - jitter
                pause = min(2 * pause, RETRY_MAX)
        return None

    def _refuse(self, error: StorageUnavailable) -> None:
        self._client.set(
            INGEST_REFUSAL, f"the console cannot store: {error}"[:300], px=REFUSAL_LIFETIME_MS
        )
        report_unable("ingester", f"cannot store: {error.shown}")

    def _acknowledge(
        self,
        batches: Mapping[bytes, Batch],
        damaged: Sequence[Entry],
        refused: Sequence[SetAside],
    ) -> None:
        entry_ids = [*batches, *(entry_id for entry_id, _ in damaged)]
        by_gateway: dict[str, list[int]] = {}
        for batch in batches.values():
            by_gateway.setdefault(batch.gateway, []).append(batch.number)
        with self._client.pipeline(transaction=True) as pipeline:
            for letter in (*map(_letter_of, refused), *(fields for _, fields in damaged)):
                pipeline.xadd(DEAD_LETTERS, letter, maxlen=DEAD_LETTERS_KEPT, approximate=True)
            for gateway, committed in by_gateway.items():
                key = committed_stream(gateway)
                pipeline.xadd(key, {"batches": " ".join(map(str, committed))}, maxlen=10_000)
                pipeline.expire(key, COMMITTED_LIFETIME)
            pipeline.xack(UPWARD_STREAM, INGESTERS, *entry_ids)
            pipeline.xdel(UPWARD_STREAM, *entry_ids)
            pipeline.execute()


def _letter_of(each: SetAside) -> dict[str, Any]:
    return {
        "endpoint": str(each.item.endpoint_id),
        "received_at": each.item.received_at,
        "encoded": each.item.encoded,
        "reason": each.reason,
    }


def _entries_of(answer: Any) -> list[Entry]:
    """Read what XREADGROUP answers: a list of pairs by RESP2, a mapping by RESP3."""
    if not answer:
        return []
    if isinstance(answer, dict):
        return [entry for parts in answer.values() for part in parts for entry in part]
    return [entry for _key, entries in answer for entry in entries]
