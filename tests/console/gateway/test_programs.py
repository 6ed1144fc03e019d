"""The programs as processes, killed one after the other while alerts arrive."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import uuid
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from tests.console_processes import ConsoleProcesses, query
from tests.population import certificates_directory
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


class TestKilled:
    @pytest.mark.parametrize("program", ["gateway", "ingest", "valkey"])
    async def test_while_alerts_arrive_loses_none_and_doubles_none(
        self, console: ConsoleProcesses, program: str
    ) -> None:
        ids = await asyncio.to_thread(console.populate, ENDPOINTS)
        endpoints = [
            SimulatedEndpoint(
                number, context_for(console, endpoint_id), ("127.0.0.1", console.gateway_port)
            )
            for number, endpoint_id in enumerate(ids)
        ]

        async def disturb() -> None:
            if program == "valkey":
                console.valkey.kill()
                await asyncio.sleep(0.5)
                await asyncio.to_thread(console.valkey.start)
            else:
                console.kill(program)
                console.start(program)

        raised = await raise_alerts(endpoints, disturb)

        stored = await asyncio.to_thread(
            query, console, f"[str(pk) for pk in {ALERTS}.values_list('pk', flat=True)]"
        )
        assert len(stored) == len(set(stored))
        assert {uuid.UUID(name) for name in stored} == raised
