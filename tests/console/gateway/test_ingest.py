"""From a batch to rows: idempotent, all or nothing, and a bad message never blocks the rest."""

from __future__ import annotations

import sqlite3
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import pytest
import redis
from django.db import DataError, OperationalError, connection
from model_bakery import baker

from console.audit.models import AuditEvent
from console.core.health import ProgramState, program_states
from console.core.redis import (
    DEAD_LETTERS,
    INGEST_REFUSAL,
    INGESTERS,
    UPWARD_STREAM,
    committed_stream,
)
from console.endpoints.models import Endpoint
from console.gateway.batches import CERTIFICATE_USED_TWICE, Batch, Item, Notice, encode_batch
from console.gateway.exceptions import StorageUnavailable
from console.gateway.ingest import all_handlers, store_batches
from console.gateway.ingester import Ingester
from console.modules import Received
from protocol.codec import UPWARD
from protocol.messages import AlertRaised, Message
from tests.simulator import make_alert, make_hello

pytestmark = pytest.mark.django_db(transaction=True)

Handlers = dict[type[Message], Callable[[Sequence[Received]], None]]


def item(endpoint_id: UUID, message: Any) -> Item:
    """Encode a message as a gateway hands it over."""
    return Item(endpoint_id, time.time_ns() // 1000, UPWARD.encode(message))


def batch(*items: Item, number: int = 1, notices: Sequence[Notice] = ()) -> Batch:
    """Make a batch of the gateway `g`."""
    return Batch("g", number, list(items), list(notices))


class Collector:
    """A handler that keeps what it got, and refuses what it is told to refuse."""

    def __init__(self, *, refuse: Callable[[Any], Exception | None] = lambda _: None) -> None:
        self.stored: list[Received] = []
        self.calls = 0
        self._refuse = refuse

    def __call__(self, received: Sequence[Received]) -> None:
        self.calls += 1
        for each in received:
            if (error := self._refuse(each[1])) is not None:
                raise error
        self.stored += received


class TestStoreBatches:
    def test_hands_all_messages_of_a_type_over_at_once_and_in_order(self) -> None:
        collector = Collector()
        endpoint_id = uuid.uuid4()
        alerts = [make_alert(number) for number in range(4)]

        refused = store_batches(
            [
                batch(*(item(endpoint_id, alert) for alert in alerts[:2])),
                batch(*(item(endpoint_id, alert) for alert in alerts[2:])),
            ],
            {AlertRaised: collector},
        )

        assert refused == []
        assert collector.calls == 1
        assert [message.id for _, message, _ in collector.stored] == [a.id for a in alerts]

    def test_sets_a_poisonous_message_aside_and_stores_the_others(self) -> None:
        poison = make_alert()
        collector = Collector(
            refuse=lambda message: DataError("bad") if message.id == poison.id else None
        )
        endpoint_id = uuid.uuid4()
        good = [make_alert(number) for number in range(3)]

        [refused] = store_batches(
            [batch(*(item(endpoint_id, each) for each in (*good, poison)))],
            {AlertRaised: collector},
        )

        assert refused.reason == "DataError: bad"
        assert {message.id for _, message, _ in collector.stored} == {alert.id for alert in good}
        event = AuditEvent.objects.get(action="message.set_aside")
        assert event.subject_id == str(endpoint_id)

    def test_sets_undecodable_bytes_aside(self) -> None:
        collector = Collector()
        endpoint_id = uuid.uuid4()
        garbage = Item(endpoint_id, 1, b"\x00garbage")

        [refused] = store_batches(
            [batch(garbage, item(endpoint_id, make_alert()))], {AlertRaised: collector}
        )

        assert refused.item == garbage
        assert len(collector.stored) == 1

    def test_sets_aside_what_nobody_stores(self) -> None:
        [refused] = store_batches([batch(item(uuid.uuid4(), make_alert()))], {})

        assert refused.reason == "nobody stores AlertRaised"

    @pytest.mark.parametrize("name", ["SQLITE_BUSY", "SQLITE_FULL", "SQLITE_IOERR_WRITE"])
    def test_asks_to_try_again_when_the_database_cannot_store(self, name: str) -> None:
        def fail(_: Any) -> Exception:
            cause = sqlite3.OperationalError("the database says no")
            cause.sqlite_errorname = name
            error = OperationalError("the database says no")
            error.__cause__ = cause
            return error

        with pytest.raises(StorageUnavailable):
            store_batches(
                [batch(item(uuid.uuid4(), make_alert()))], {AlertRaised: Collector(refuse=fail)}
            )

    def test_writes_notices_into_the_audit_log(self) -> None:
        endpoint_id = uuid.uuid4()
        notice = Notice(CERTIFICATE_USED_TWICE, endpoint_id, 1, "a and b use one certificate")

        store_batches([batch(notices=[notice])], {})

        event = AuditEvent.objects.get(action="endpoint.certificate_used_twice")
        assert event.detail == {"detail": notice.detail}

    def test_records_what_endpoints_say_of_themselves(self) -> None:
        endpoint = baker.make(Endpoint, host_name="before")

        store_batches([batch(item(endpoint.pk, make_hello(3)))], all_handlers())

        endpoint.refresh_from_db()
        assert endpoint.host_name == "simulated-00003"


@contextmanager
def running(ingester: Ingester) -> Iterator[None]:
    """Run an ingester in a thread for as long as the block runs."""

    def run() -> None:
        try:
            ingester.run()
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        ingester.stop()
        thread.join(10)


def state_of_ingester() -> ProgramState:
    """Tell what the health page says about the ingester."""
    return next(state for state in program_states() if state.name == "ingester")


def wait_until(condition: Callable[[], Any]) -> Any:
    """Poll for ten seconds."""
    deadline = time.monotonic() + 10
    while not (found := condition()):
        if time.monotonic() > deadline:
            raise TimeoutError
        time.sleep(0.01)
    return found


@pytest.fixture
def stream(valkey: redis.Redis) -> redis.Redis:
    """Begin with an empty Redis."""
    valkey.flushdb()
    return valkey


class TestIngester:
    def test_acknowledges_to_the_gateway_after_the_commit(self, stream: redis.Redis) -> None:
        collector = Collector()
        stream.xadd(
            UPWARD_STREAM,
            {"batch": encode_batch(batch(item(uuid.uuid4(), make_alert()), number=7))},
        )

        with running(Ingester(stream, {AlertRaised: collector}, is_alone=True)):
            [(_, fields)] = wait_until(lambda: stream.xrange(committed_stream("g")))

        assert fields[b"batches"] == b"7"
        assert len(collector.stored) == 1
        assert stream.xlen(UPWARD_STREAM) == 0

    def test_takes_over_what_a_killed_one_left_behind(self, stream: redis.Redis) -> None:
        stream.xadd(UPWARD_STREAM, {"batch": encode_batch(batch(item(uuid.uuid4(), make_alert())))})
        stream.xgroup_create(UPWARD_STREAM, INGESTERS, id="0")
        stream.xreadgroup(INGESTERS, "killed", {UPWARD_STREAM: ">"})
        collector = Collector()

        with running(Ingester(stream, {AlertRaised: collector}, is_alone=True)):
            wait_until(lambda: stream.xlen(UPWARD_STREAM) == 0)

        assert len(collector.stored) == 1

    def test_keeps_everything_and_says_why_while_the_database_cannot_store(
        self, stream: redis.Redis
    ) -> None:
        is_full = threading.Event()
        is_full.set()

        def fail(_: Any) -> Exception | None:
            if not is_full.is_set():
                return None
            error = OperationalError("database or disk is full")
            error.__cause__ = sqlite3.OperationalError("database or disk is full")
            error.__cause__.sqlite_errorname = "SQLITE_FULL"
            return error

        collector = Collector(refuse=fail)
        stream.xadd(UPWARD_STREAM, {"batch": encode_batch(batch(item(uuid.uuid4(), make_alert())))})

        with running(Ingester(stream, {AlertRaised: collector}, is_alone=True)):
            refusal = wait_until(lambda: stream.get(INGEST_REFUSAL))
            assert b"disk is full" in refusal
            wait_until(lambda: state_of_ingester().reason)
            assert state_of_ingester().reason == "cannot store: the disk of the database is full"
            assert stream.xlen(UPWARD_STREAM) == 1
            assert stream.exists(committed_stream("g")) == 0
            is_full.clear()
            wait_until(lambda: stream.exists(committed_stream("g")))
            wait_until(lambda: state_of_ingester().is_up)

        assert len(collector.stored) == 1

    def test_sets_aside_what_no_gateway_wrote(self, stream: redis.Redis) -> None:
        collector = Collector()
        stream.xadd(UPWARD_STREAM, {"batch": b"garbage"})
        stream.xadd(UPWARD_STREAM, {"nonsense": b""})
        stream.xadd(UPWARD_STREAM, {"batch": encode_batch(batch(item(uuid.uuid4(), make_alert())))})

        with running(Ingester(stream, {AlertRaised: collector}, is_alone=True)):
            wait_until(lambda: stream.xlen(UPWARD_STREAM) == 0)

        assert len(collector.stored) == 1
        assert stream.xlen(DEAD_LETTERS) == 2
