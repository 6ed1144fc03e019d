"""The programs as processes, killed one after the other while alerts arrive."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import ssl
import subprocess
import uuid
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from tests.console_processes import ConsoleProcesses, certificates_directory, query
from tests.simulator import SimulatedEndpoint, make_alert

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

ENDPOINTS = 5
ALERTS = "apps.get_model('alerts.Alert').objects"


@pytest.fixture
def console(tmp_path: Path) -> Iterator[ConsoleProcesses]:
    """Run the gateway and the ingester of a console of its own."""
    processes = ConsoleProcesses(tmp_path / "data")
    try:
        processes.prepare()
        processes.start("gateway")
        processes.start("ingest")
        yield processes
    finally:
        processes.stop()


def context_for(console: ConsoleProcesses, endpoint_id: uuid.UUID) -> ssl.SSLContext:
    """Return what an endpoint of the population dials with."""
    keys = console.data / "keys"
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(keys / "authority.pem")
    context.load_cert_chain(certificates_directory(keys) / f"{endpoint_id}.pem")
    return context


async def raise_alerts(
    endpoints: list[SimulatedEndpoint], disturb: Callable[[], Awaitable[None]]
) -> set[uuid.UUID]:
    """Raise alerts for a few seconds, disturb in the middle, wait until all are acknowledged."""
    raised: set[uuid.UUID] = set()
    tasks = [asyncio.get_running_loop().create_task(each.stay_connected()) for each in endpoints]
    try:
        async with asyncio.timeout(90):
            await asyncio.gather(*(endpoint.is_connected.wait() for endpoint in endpoints))
            for number in range(150):
                if number == 50:
                    await disturb()
                alert = make_alert(number)
                raised.add(alert.id)
                endpoints[number % len(endpoints)].deliver(alert)
                await asyncio.sleep(0.02)
            while any(endpoint.outbox for endpoint in endpoints):  # noqa: ASYNC110 - a poll
                await asyncio.sleep(0.05)
    finally:
        for task in tasks:
            task.cancel()
        for endpoint in endpoints:
            endpoint.abort()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.gather(*tasks, return_exceptions=True)
    return raised


async def connected_population(console: ConsoleProcesses) -> list[SimulatedEndpoint]:
    """Add endpoints to the console and make their simulations."""
    ids = await asyncio.to_thread(console.populate, ENDPOINTS)
    return [
        SimulatedEndpoint(
            number, context_for(console, endpoint_id), ("127.0.0.1", console.gateway_port)
        )
        for number, endpoint_id in enumerate(ids)
    ]


async def assert_stored(console: ConsoleProcesses, raised: set[uuid.UUID]) -> None:
    """See that exactly these alerts are in the database, each once."""
    stored = await asyncio.to_thread(
        query, console, f"[str(pk) for pk in {ALERTS}.values_list('pk', flat=True)]"
    )
    assert len(stored) == len(set(stored))
    assert {uuid.UUID(name) for name in stored} == raised


class TestKilled:
    @pytest.mark.parametrize("program", ["gateway", "ingest", "valkey"])
    async def test_while_alerts_arrive_loses_none_and_doubles_none(
        self, console: ConsoleProcesses, program: str
    ) -> None:
        endpoints = await connected_population(console)

        async def disturb() -> None:
            if program == "valkey":
                console.valkey.kill()
                await asyncio.sleep(0.5)
                await asyncio.to_thread(console.valkey.start)
            else:
                console.kill(program)
                console.start(program)

        raised = await raise_alerts(endpoints, disturb)

        await assert_stored(console, raised)


class TestLockedDatabase:
    async def test_delays_alerts_and_loses_none(self, console: ConsoleProcesses) -> None:
        endpoints = await connected_population(console)
        with contextlib.closing(sqlite3.connect(console.data / "console.sqlite3")) as database:

            async def disturb() -> None:
                database.execute("BEGIN EXCLUSIVE")
                asyncio.get_running_loop().call_later(3, database.rollback)

            raised = await raise_alerts(endpoints, disturb)

        await assert_stored(console, raised)


@pytest.mark.root
class TestFullDisk:
    @pytest.fixture
    def tmp_path(self, tmp_path: Path) -> Iterator[Path]:
        """Put the console's data on a small file system of its own."""
        run = ["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", str(tmp_path)]
        subprocess.run(run, check=True)
        yield tmp_path
        subprocess.run(["umount", "--lazy", str(tmp_path)], check=True)

    async def test_makes_endpoints_wait_until_there_is_room_again(
        self, console: ConsoleProcesses
    ) -> None:
        endpoints = await connected_population(console)
        filler = console.data / "filler"

        async def disturb() -> None:
            with filler.open("wb", buffering=0) as stream, contextlib.suppress(OSError):
                while True:
                    stream.write(b"x" * 4096)

            async def make_room() -> None:
                while not any(endpoint.seen.laters for endpoint in endpoints):  # noqa: ASYNC110
                    await asyncio.sleep(0.05)
                filler.unlink()

            making_room.append(asyncio.get_running_loop().create_task(make_room()))

        making_room: list[asyncio.Task[None]] = []
        raised = await raise_alerts(endpoints, disturb)

        await making_room[0]
        assert not filler.exists()
        await assert_stored(console, raised)
