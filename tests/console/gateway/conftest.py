"""A real gateway on a free port, with real TLS and a real Valkey, inside the test's event loop."""

from __future__ import annotations

import asyncio
import dataclasses
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any
from uuid import UUID

import pytest
import redis
import uvloop

from console.certificates.tls import server_context
from console.core.redis import async_client
from console.gateway.server.limits import Limits
from console.gateway.server.listening import listen
from console.gateway.server.program import Gateway
from tests.fleet_certificates import FleetAuthority
from tests.simulator import SimulatedEndpoint

PATIENCE = 30.0


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Run these tests on the loop that the gateway runs on."""
    return {"uvloop": uvloop.new_event_loop}


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> FleetAuthority:
    """Make one certificate authority for all tests of the gateway."""
    return FleetAuthority.new(tmp_path_factory.mktemp("keys"))


@dataclasses.dataclass(slots=True)
class GatewayUnderTest:
    """A running gateway and what connects to it."""

    gateway: Gateway
    port: int
    authority: FleetAuthority
    endpoints: list[SimulatedEndpoint] = dataclasses.field(default_factory=list)

    def endpoint(self, endpoint_id: UUID | None = None, *, number: int = 0) -> SimulatedEndpoint:
        """Make an endpoint with a certificate; it is not connected yet."""
        context = self.authority.context_for(endpoint_id or uuid.uuid4())
        endpoint = SimulatedEndpoint(number, context, ("127.0.0.1", self.port))
        self.endpoints.append(endpoint)
        return endpoint

    async def connected(self, endpoint_id: UUID | None = None, **options: Any) -> SimulatedEndpoint:
        """Make an endpoint and connect it."""
        endpoint = self.endpoint(endpoint_id, **options)
        await endpoint.connect()
        return endpoint


@asynccontextmanager
async def running_gateway(
    authority: FleetAuthority, client: Any, **limits: Any
) -> AsyncIterator[GatewayUnderTest]:
    """Run a gateway for as long as the block runs."""
    bounds = dataclasses.replace(Limits(), **limits)
    listening = listen("127.0.0.1", 0, bounds)
    port = listening.getsockname()[1]
    context = server_context(require_client=True, keys_directory=authority.keys)
    gateway = Gateway(client, listening, context, bounds)
    under_test = GatewayUnderTest(gateway, port, authority)
    # Not a TaskGroup: fixtures are torn down in another task than the test's.
    running = asyncio.get_running_loop().create_task(gateway.run())
    try:
        yield under_test
    finally:
        for endpoint in under_test.endpoints:
            endpoint.abort()
        gateway.stop()
        await asyncio.wait([running], timeout=PATIENCE)
        running.cancel()
        await asyncio.wait([running])


@pytest.fixture
async def start_gateway(
    authority: FleetAuthority, valkey: redis.Redis
) -> AsyncIterator[Callable[..., Any]]:
    """Return a function that starts a gateway with other limits than usual."""
    valkey.flushdb()
    async with AsyncExitStack() as stack:
        client = async_client()
        stack.push_async_callback(client.aclose)

        async def start(**limits: Any) -> GatewayUnderTest:
            return await stack.enter_async_context(running_gateway(authority, client, **limits))

        yield start


async def eventually(condition: Callable[[], Any], *, within: float = PATIENCE) -> Any:
    """Wait until `condition` is true and return what it returned."""
    async with asyncio.timeout(within):
        while not (found := condition()):  # noqa: ASYNC110 - whatever it is, it happens elsewhere
            await asyncio.sleep(0.01)
    return found
