"""All programs of a console together: what the health page says, and what the ports show."""

from __future__ import annotations

import http.client
import json
import sqlite3
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import redis

from console.core.redis import INGEST_REFUSAL, UPWARD_STREAM
from console.gateway.batches import Batch, Item, encode_batch
from protocol.codec import UPWARD
from tests.console_processes import ConsoleProcesses, certificates_directory
from tests.simulator import make_hello

# Seconds: longer than other programs wait for a lock.
LOCKED_FOR = 22.0

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


@pytest.fixture(scope="module")
def console(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ConsoleProcesses]:
    """Run every program of a console."""
    processes = ConsoleProcesses(tmp_path_factory.mktemp("console"))
    try:
        processes.prepare()
        for program in ("gateway", "ingest", "sessions", "web"):
            processes.start(program)
        processes.start_worker()
        yield processes
    finally:
        processes.stop()


def ask(
    console: ConsoleProcesses, port: int, path: str, *, certificate: Path | None = None
) -> tuple[int, Any]:
    """GET a page and return its status and JSON."""
    context = ssl.create_default_context(cafile=console.data / "keys" / "authority.pem")
    if certificate is not None:
        context.load_cert_chain(certificate)
    connection = http.client.HTTPSConnection("localhost", port, timeout=10, context=context)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        content = response.read()
    finally:
        connection.close()
    is_json = "json" in response.headers.get("Content-Type", "")
    return response.status, json.loads(content) if is_json else content


def health(console: ConsoleProcesses) -> tuple[int, Any]:
    """Ask the health page; 0 while nobody listens yet."""
    try:
        return ask(console, console.web_port, "/healthz/")
    except OSError:
        return 0, {}


def wait_for(condition: Callable[[], Any], *, within: float = 60) -> Any:
    """Poll until the condition holds."""
    deadline = time.monotonic() + within
    while not (found := condition()):
        if time.monotonic() > deadline:
            raise TimeoutError
        time.sleep(0.1)
    return found


class TestHealthPage:
    def test_has_an_entry_for_each_program_once_all_are_up(self, console: ConsoleProcesses) -> None:
        wait_for(lambda: health(console)[0] == http.client.OK)

        _, content = health(console)

        assert content["state"] == "up"
        assert set(content["programs"]) == {
            *("web", "gateway", "sessions", "ingester", "worker", "beat", "redis", "database")
        }

    def test_names_a_program_that_died(self, console: ConsoleProcesses) -> None:
        wait_for(lambda: health(console)[0] == http.client.OK)
        console.kill("ingest")

        status, content = wait_for(
            lambda: answer if (answer := health(console))[0] != http.client.OK else None
        )

        assert status == http.client.SERVICE_UNAVAILABLE
        assert content["programs"]["ingester"]["state"] == "down"
        assert content["programs"]["ingester"]["reason"]
        assert content["programs"]["gateway"] == {"state": "up"}
        console.start("ingest")


class TestLockedDatabase:
    def test_is_named_without_a_gap_for_as_long_as_it_lasts(
        self, console: ConsoleProcesses
    ) -> None:
        wait_for(lambda: health(console)[0] == http.client.OK)
        [endpoint_id] = console.populate(1)
        item = Item(endpoint_id, time.time_ns() // 1000, UPWARD.encode(make_hello(3)))
        with (
            closing(sqlite3.connect(console.data / "console.sqlite3")) as database,
            redis.Redis.from_url(console.environment["REDIS_URL"]) as valkey,
        ):
            database.isolation_level = None
            database.execute("BEGIN IMMEDIATE")
            valkey.xadd(UPWARD_STREAM, {"batch": encode_batch(Batch("g", 1, [item], []))})
            wait_for(lambda: valkey.get(INGEST_REFUSAL))
            seen = set()
            refusals = set()

            locked_until = time.monotonic() + LOCKED_FOR
            while time.monotonic() < locked_until:
                seen.add(health(console)[1]["programs"]["ingester"].get("reason"))
                refusals.add(valkey.exists(INGEST_REFUSAL))
                time.sleep(0.2)
            database.execute("ROLLBACK")

            assert seen == {"cannot store: the database is locked"}
            assert refusals == {1}
            wait_for(lambda: valkey.xlen(UPWARD_STREAM) == 0)
            wait_for(lambda: health(console)[0] == http.client.OK)


class TestPorts:
    def test_for_enrolment_needs_no_certificate(self, console: ConsoleProcesses) -> None:
        wait_for(lambda: health(console)[0] == http.client.OK)

        status, _ = ask(console, console.status_port, "/status")

        assert status == http.client.OK

    def test_for_enrolment_shows_nothing_of_the_web_console(
        self, console: ConsoleProcesses
    ) -> None:
        wait_for(lambda: health(console)[0] == http.client.OK)

        for path in ("/login/", "/healthz/", "/api/v1/endpoints/"):
            assert ask(console, console.status_port, path)[0] == http.client.NOT_FOUND

    def test_for_sessions_needs_a_certificate(self, console: ConsoleProcesses) -> None:
        wait_for(lambda: health(console)[0] == http.client.OK)
        [endpoint_id] = console.populate(1)
        certificate = certificates_directory(console.data / "keys") / f"{endpoint_id}.pem"

        with pytest.raises((ssl.SSLError, ConnectionError, http.client.HTTPException)):
            ask(console, console.sessions_port, "/")
        status, _ = ask(console, console.sessions_port, "/", certificate=certificate)

        assert status == http.client.NOT_FOUND


class TestIngestCommand:
    def test_refuses_to_be_the_second_one_on_sqlite(self, console: ConsoleProcesses) -> None:
        wait_for(lambda: health(console)[0] == http.client.OK)

        finished = subprocess.run(
            [sys.executable, "manage.py", "ingest"],
            env=console.environment,
            cwd=Path(__file__).parents[3],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

        assert finished.returncode != 0
        assert "SQLite has one writer" in finished.stderr
