"""Hand the messages of endpoints to the ingesters, and tell endpoints when they are committed.

A message is the endpoint's until the ingester committed it: this program keeps at most a few
moments' worth, and loses nothing by dying. When Redis or the ingesters cannot follow, durable
messages are refused (`refusal` says why) instead of piling up here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final
from uuid import UUID

import redis.asyncio
import structlog

from console.core.redis import INGEST_REFUSAL, UPWARD_STREAM, committed_stream
from console.gateway.batches import Batch, Item, Notice, encode_batch
from console.gateway.server.limits import Limits

log: structlog.stdlib.BoundLogger = structlog.get_logger()

# (endpoint, its durable message)
Receipt = tuple[UUID, UUID]

RETRY_MIN: Final = 0.05
RETRY_MAX: Final = 1.0
WATCH_INTERVAL: Final = 1.0
# Below the client's time-out, so that an answer without news still comes in time.
BLOCK_MS: Final = 2000


class UpwardStream:
    """One gateway's way to the ingesters.

    `on_committed` gets receipts whose messages are in the database; `on_lost` gets receipts whose
    batch vanished with Redis: their endpoints must send again.
    """

    def __init__(
        self,
        client: redis.asyncio.Redis,
        gateway: str,
        limits: Limits,
        *,
        on_committed: Callable[[list[Receipt]], None],
        on_lost: Callable[[list[Receipt]], None],
    ) -> None:
        self._client = client
        self._gateway = gateway
        self._limits = limits
        self._on_committed = on_committed
        self._on_lost = on_lost
        self._waiting: list[tuple[Item, UUID | None]] = []
        self._bytes = 0
        self._notices: list[Notice] = []
        # By the number of the batch: its entry in the stream (empty until it has one), and whom
        # to tell. Noted before the batch is sent, because its commit can overtake Redis's answer.
        self._uncommitted: dict[int, tuple[bytes, list[Receipt]]] = {}
        self._number = 0
        self._arrived = asyncio.Event()
        self._full = asyncio.Event()
        self._redis_failed = ""
        self._ingest_refused = ""
        self._backlog = 0

    # ------------------------------------------------------------------ what links call

    @property
    def refusal(self) -> str:
        """Say why no durable message can be taken now; empty when it can."""
        if self._redis_failed or self._ingest_refused:
            return self._redis_failed or self._ingest_refused
        if self._backlog >= self._limits.backlog_full:
            return "the console is busy"
        return "the gateway is busy" if self.is_full else ""

    @property
    def is_full(self) -> bool:
        """Whether this program's own memory must not take anything more."""
        limits = self._limits
        return len(self._waiting) >= limits.held_items or self._bytes >= limits.held_bytes

    @property
    def is_empty(self) -> bool:
        """Whether everything that was taken is committed."""
        return not self._waiting and not self._uncommitted

    def put(self, item: Item, durable_id: UUID | None = None) -> None:
        """Take one message; the caller looked at `refusal` before."""
        limits = self._limits
        self._waiting.append((item, durable_id))
        self._bytes += len(item.encoded)
        self._arrived.set()
        if len(self._waiting) >= limits.batch_items or self._bytes >= limits.batch_bytes:
            self._full.set()

    def notify(self, notice: Notice) -> None:
        """Take one notice of the gateway itself."""
        self._notices.append(notice)
        self._arrived.set()

    # ------------------------------------------------------------------ tasks

    async def run(self) -> None:
        """Append batches to the stream until cancelled."""
        while True:
            await self._arrived.wait()
            await self._gather()
            await self.flush()

    async def flush(self) -> None:
        """Append everything that waits, however long Redis takes to come back."""
        while self._waiting or self._notices:
            await self._append_batch()
        self._arrived.clear()

    async def read_commits(self) -> None:
        """Read which batches are committed until cancelled."""
        last: bytes = b"0"
        pause = RETRY_MIN
        while True:
            try:
                last = await self._read_commits_after(last)
                pause = RETRY_MIN
            except (redis.RedisError, OSError) as error:
                log.warning("gateway.commits_unreadable", reason=str(error))
                await asyncio.sleep(pause)
                pause = min(2 * pause, RETRY_MAX)
                last = b"0"
                await self._forget_lost()

    async def watch(self) -> None:
        """Keep the refusal up to date, also while nothing arrives."""
        while True:
            try:
                backlog, refused = await self._ask_backlog()
                self._note_backlog(backlog, refused)
            except (redis.RedisError, OSError) as error:
                self._fail(error)
            await asyncio.sleep(WATCH_INTERVAL)

    # ------------------------------------------------------------------ inside

    async def _gather(self) -> None:
        limits = self._limits
        busy = self._backlog >= limits.backlog_busy
        delay = limits.batch_delay_backlog if busy else limits.batch_delay
        self._full.clear()
        try:
            async with asyncio.timeout(delay):
                await self._full.wait()
        except TimeoutError:
            # The usual end: few messages arrived in this moment.
            return

    async def _append_batch(self) -> None:
        items, receipts, notices = self._take_batch()
        self._number += 1
        number = self._number
        encoded = encode_batch(Batch(self._gateway, number, items, notices))
        if receipts:
            self._uncommitted[number] = (b"", receipts)
        pause = RETRY_MIN
        while True:
            try:
                entry_id = await self._append(encoded)
            except (redis.RedisError, OSError) as error:
                self._fail(error)
                await asyncio.sleep(pause)
                pause = min(2 * pause, RETRY_MAX)
            else:
                if number in self._uncommitted:
                    self._uncommitted[number] = (entry_id, receipts)
                return

    def _take_batch(self) -> tuple[list[Item], list[Receipt], list[Notice]]:
        items: list[Item] = []
        receipts: list[Receipt] = []
        size = 0
        for item, durable_id in self._waiting:
            if len(items) >= self._limits.batch_items or size >= self._limits.batch_bytes:
                break
            items.append(item)
            size += len(item.encoded)
            if durable_id is not None:
                receipts.append((item.endpoint_id, durable_id))
        del self._waiting[: len(items)]
        self._bytes -= size
        notices, self._notices = self._notices, []
        return items, receipts, notices

    async def _append(self, encoded: bytes) -> bytes:
        async with self._client.pipeline(transaction=False) as pipeline:
            pipeline.xadd(UPWARD_STREAM, {"batch": encoded})
            pipeline.xlen(UPWARD_STREAM)
            pipeline.get(INGEST_REFUSAL)
            entry_id, backlog, refused = await pipeline.execute()
        self._note_backlog(backlog, refused)
        return bytes(entry_id)

    async def _ask_backlog(self) -> tuple[int, bytes | None]:
        async with self._client.pipeline(transaction=False) as pipeline:
            pipeline.xlen(UPWARD_STREAM)
            pipeline.get(INGEST_REFUSAL)
            backlog, refused = await pipeline.execute()
        return backlog, refused

    def _note_backlog(self, backlog: int, refused: bytes | None) -> None:
        self._redis_failed = ""
        self._backlog = backlog
        self._ingest_refused = refused.decode("utf-8", "replace") if refused else ""

    def _fail(self, error: Exception) -> None:
        if not self._redis_failed:
            log.warning("gateway.redis_failed", reason=f"{type(error).__name__}: {error}")
        self._redis_failed = "the console's queue does not answer"

    async def _read_commits_after(self, last: bytes) -> bytes:
        key = committed_stream(self._gateway)
        answer: Any = await self._client.xread({key: last}, count=1000, block=BLOCK_MS)
        for _key, entries in _streams_of(answer):
            for entry_id, fields in entries:
                self._commit([int(number) for number in fields[b"batches"].split()])
                last = entry_id
            await self._client.xtrim(key, minid=last, approximate=True)
        return last

    def _commit(self, numbers: list[int]) -> None:
        receipts: list[Receipt] = []
        for number in numbers:
            _, committed = self._uncommitted.pop(number, (b"", []))
            receipts += committed
        if receipts:
            self._on_committed(receipts)

    async def _forget_lost(self) -> None:
        """Find batches that Redis lost when it died; their endpoints hold the messages still."""
        sent = [(number, entry) for number, (entry, _) in self._uncommitted.items() if entry]
        try:
            async with self._client.pipeline(transaction=False) as pipeline:
                for _, entry_id in sent:
                    pipeline.xrange(UPWARD_STREAM, entry_id, entry_id)
                found = await pipeline.execute()
        except (redis.RedisError, OSError) as error:
            # Still away: `read_commits` comes here again.
            log.info("gateway.redis_still_away", reason=str(error))
            return
        lost: list[Receipt] = []
        for (number, _), entries in zip(sent, found, strict=True):
            if not entries:
                lost += self._uncommitted.pop(number, (b"", []))[1]
        if lost:
            self._on_lost(lost)


def _streams_of(answer: Any) -> list[tuple[bytes, list[tuple[bytes, dict[bytes, bytes]]]]]:
    """Read what XREAD answers: a list of pairs by RESP2, a mapping by RESP3."""
    if not answer:
        return []
    if isinstance(answer, dict):
        return [(key, parts[0]) for key, parts in answer.items()]
    return list(answer)
