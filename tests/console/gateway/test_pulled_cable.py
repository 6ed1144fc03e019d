"""A cable is pulled: the endpoint is shown as offline within ten seconds."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import redis

from console.endpoints.presence import online_ids
from tests.console_processes import REPOSITORY, ConsoleProcesses, certificates_directory

pytestmark = [pytest.mark.root, pytest.mark.slow, pytest.mark.timeout(120)]

CONSOLE_ADDRESS = "10.77.0.1"
ENDPOINT_ADDRESS = "10.77.0.2"

# The endpoint's side: connect, stay silent, live in another network namespace.
_ENDPOINT = """
import asyncio, ssl, sys
from tests.simulator import SimulatedEndpoint
authority, certificate, address, port = sys.argv[1:]
context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
context.load_verify_locations(authority)
context.load_cert_chain(certificate)
async def main():
    endpoint = SimulatedEndpoint(0, context, (address, int(port)))
    await endpoint.stay_connected()
asyncio.run(main())
"""


def run(*command: str) -> None:
    """Run a command of iproute2."""
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


@dataclass(frozen=True, slots=True)
class Cable:
    """Two network namespaces and the interfaces that join them. Nothing of the host is touched."""

    console: str
    endpoint: str

    def lay(self) -> None:
        """Make both ends and give them their addresses."""
        pair = ("type", "veth", "peer", "name", "far", "netns", self.endpoint)
        run("ip", "-n", self.console, "link", "add", "near", *pair)
        run("ip", "-n", self.console, "address", "add", f"{CONSOLE_ADDRESS}/24", "dev", "near")
        run("ip", "-n", self.endpoint, "address", "add", f"{ENDPOINT_ADDRESS}/24", "dev", "far")
        run("ip", "-n", self.console, "link", "set", "near", "up")
        run("ip", "-n", self.endpoint, "link", "set", "far", "up")

    def pull(self) -> None:
        """Take our end out: no packet comes or goes, and nobody is told."""
        run("ip", "-n", self.console, "link", "set", "near", "down")


@pytest.fixture
def cable() -> Iterator[Cable]:
    """Lay a cable between two network namespaces."""
    name = uuid.uuid4().hex[:8]
    laid = Cable(f"console-{name}", f"endpoint-{name}")
    with contextlib.ExitStack() as stack:
        for namespace in (laid.console, laid.endpoint):
            run("ip", "netns", "add", namespace)
            stack.callback(run, "ip", "netns", "delete", namespace)
        laid.lay()
        yield laid


@pytest.fixture
def console(tmp_path: Path, cable: Cable) -> Iterator[ConsoleProcesses]:
    """Run a gateway that listens on our end of the cable."""
    processes = ConsoleProcesses(
        tmp_path / "data",
        environment={"VEDETTE_ENDPOINT_ADDRESS": CONSOLE_ADDRESS},
        namespace=cable.console,
    )
    try:
        processes.prepare()
        processes.start("gateway")
        yield processes
    finally:
        processes.stop()


def wait_until_online(client: redis.Redis, endpoint_id: uuid.UUID, *, online: bool) -> float:
    """Poll until the endpoint is shown as wanted; return the seconds that it took."""
    began = time.monotonic()
    while (endpoint_id in online_ids(client, [endpoint_id], now=time.time())) != online:
        if time.monotonic() - began > 30:
            raise TimeoutError
        time.sleep(0.05)
    return time.monotonic() - began


def test_a_pulled_cable_shows_within_ten_seconds(console: ConsoleProcesses, cable: Cable) -> None:
    [endpoint_id] = console.populate(1)
    keys = console.data / "keys"
    with contextlib.ExitStack() as stack:
        endpoint = subprocess.Popen(
            [
                *("ip", "netns", "exec", cable.endpoint, sys.executable, "-c", _ENDPOINT),
                str(keys / "authority.pem"),
                str(certificates_directory(keys) / f"{endpoint_id}.pem"),
                CONSOLE_ADDRESS,
                str(console.gateway_port),
            ],
            cwd=REPOSITORY,
        )
        stack.callback(endpoint.wait)
        stack.callback(endpoint.kill)
        client = stack.enter_context(console.valkey.client())
        wait_until_online(client, endpoint_id, online=True)
        # Longer than the silence limit: an idle endpoint stays online without a word.
        time.sleep(10)
        assert endpoint_id in online_ids(client, [endpoint_id], now=time.time())

        cable.pull()

        assert wait_until_online(client, endpoint_id, online=False) <= 10
