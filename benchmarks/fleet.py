"""A simulated fleet in one process: real protocol code, real certificates, one mTLS link each.

    python -m benchmarks.fleet --certificates DIR --authority FILE --port 17472 --count 5000

Reads commands from standard input and answers each with one line of JSON: `connect`,
`heartbeats SECONDS` (each endpoint one, spread over the time), `alerts COUNT GAP` (one after the
other, GAP seconds apart), `burst COUNT` (alerts at once), `counts`, `quit`. With `--rate` it raises
alerts by itself, so many a second, until it is ended.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import random
import ssl
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import uvloop

from protocol.exceptions import ConnectionNotOpen
from tests.simulator import SimulatedEndpoint, make_alert

CONCURRENT_DIALS = 64
HEARTBEAT_INTERVAL = 30.0


@dataclass(slots=True)
class Fleet:
    """Endpoints and when each of their alerts was raised and acknowledged."""

    endpoints: list[SimulatedEndpoint] = field(default_factory=list)
    raised_at: dict[UUID, float] = field(default_factory=dict)
    delays: list[float] = field(default_factory=list)
    acknowledged: int = 0

    @classmethod
    def from_certificates(
        cls,
        directory: Path,
        authority: Path,
        address: tuple[str, int],
        numbers: range,
        *,
        source: str = "",
    ) -> Fleet:
        """Make endpoints for these of a directory's certificates; they dial from `source`."""
        fleet = cls()
        paths = sorted(directory.iterdir())[numbers.start : numbers.stop]
        for number, path in zip(numbers, paths, strict=False):
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.load_verify_locations(authority)
            context.load_cert_chain(path)
            fleet.endpoints.append(
                SimulatedEndpoint(
                    number,
                    context,
                    address,
                    source=source,
                    keep_instructions=False,
                    on_acknowledged=fleet.note_acknowledged,
                )
            )
        return fleet

    def note_acknowledged(self, ids: Sequence[UUID]) -> None:
        """Note which messages are committed."""
        now = time.monotonic()
        self.acknowledged += len(ids)
        for message_id in ids:
            if (raised_at := self.raised_at.pop(message_id, None)) is not None:
                self.delays.append(now - raised_at)

    async def connect(self) -> dict[str, Any]:
        """Connect everybody."""
        began = time.monotonic()
        waiting = iter(self.endpoints)
        failed = 0

        async def dial() -> None:
            nonlocal failed
            for endpoint in waiting:
                try:
                    await endpoint.connect()
                except (OSError, TimeoutError):
                    failed += 1

        await asyncio.gather(*(dial() for _ in range(CONCURRENT_DIALS)))
        seconds = time.monotonic() - began
        # They stay: to look through them for garbage would be measured as endpoints' work.
        gc.freeze()
        return {"connected": len(self.endpoints) - failed, "failed": failed, "seconds": seconds}

    async def stay_alive(self) -> None:
        """Send the heartbeats that an agent sends, until cancelled."""
        while True:
            await self.heartbeats(HEARTBEAT_INTERVAL)

    async def heartbeats(self, seconds: float) -> dict[str, Any]:
        """Let every endpoint send one heartbeat, spread over the time."""
        slices = 200
        size = max(1, len(self.endpoints) // slices)
        began = time.monotonic()
        for number, start in enumerate(range(0, len(self.endpoints), size), 1):
            for endpoint in self.endpoints[start : start + size]:
                # One that was told to go may not be gone yet; `counts` tells how many are left.
                with suppress(ConnectionNotOpen):
                    if endpoint.is_connected.is_set():
                        endpoint.heartbeat()
            # Late ones are not made later by waiting: the gateway cuts off who is silent.
            await asyncio.sleep(max(0.0, began + number * seconds / slices - time.monotonic()))
        return {"sent": len(self.endpoints)}

    async def alerts(self, count: int, gap: float) -> dict[str, Any]:
        """Raise alerts at random endpoints and tell how long each took to be committed."""
        self.delays.clear()
        for number in range(count):
            self.raise_alert(random.choice(self.endpoints), number)  # noqa: S311 - any of them
            await asyncio.sleep(gap)
        return await self._delays(count)

    async def burst(self, count: int) -> dict[str, Any]:
        """Raise alerts at all endpoints at once."""
        self.delays.clear()
        for number in range(count):
            self.raise_alert(self.endpoints[number % len(self.endpoints)], number)
        return await self._delays(count)

    def raise_alert(self, endpoint: SimulatedEndpoint, number: int) -> None:
        """Raise one alert."""
        alert = make_alert(number)
        self.raised_at[alert.id] = time.monotonic()
        endpoint.deliver(alert)

    def counts(self) -> dict[str, Any]:
        """Tell how many are connected and what happened so far."""
        return {
            "connected": sum(each.is_connected.is_set() for each in self.endpoints),
            "acknowledged": self.acknowledged,
            "unacknowledged": sum(len(each.outbox) for each in self.endpoints),
            "laters": sum(len(each.seen.laters) for each in self.endpoints),
        }

    async def _delays(self, count: int) -> dict[str, Any]:
        deadline = time.monotonic() + 60
        while len(self.delays) < count and time.monotonic() < deadline:  # noqa: ASYNC110 - a poll
            await asyncio.sleep(0.005)
        delays = sorted(self.delays)
        if not delays:
            return {"committed": 0}
        return {
            "committed": len(delays),
            "p50_ms": 1000 * delays[len(delays) // 2],
            "p99_ms": 1000 * delays[int(len(delays) * 0.99)],
            "last_ms": 1000 * delays[-1],
        }


async def keep_and_obey(fleet: Fleet) -> None:
    """Obey, and keep the fleet alive meanwhile."""
    async with asyncio.TaskGroup() as group:
        staying = group.create_task(fleet.stay_alive())
        await obey(fleet)
        staying.cancel()


async def obey(fleet: Fleet) -> None:
    """Carry out the commands of standard input."""
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
    )
    while line := (await reader.readline()).decode().split():
        answer: dict[str, Any]
        match line:
            case ["connect"]:
                answer = await fleet.connect()
            case ["heartbeats", seconds]:
                answer = await fleet.heartbeats(float(seconds))
            case ["alerts", count, gap]:
                answer = await fleet.alerts(int(count), float(gap))
            case ["burst", count]:
                answer = await fleet.burst(int(count))
            case ["counts"]:
                answer = fleet.counts()
            case _:
                return
        print(json.dumps(answer), flush=True)


async def raise_alerts(fleet: Fleet, rate: float) -> None:
    """Stay connected and raise `rate` alerts a second until cancelled."""
    async with asyncio.TaskGroup() as group:
        group.create_task(fleet.stay_alive())
        for endpoint in fleet.endpoints:
            group.create_task(endpoint.stay_connected())
        number = 0
        while True:
            fleet.raise_alert(random.choice(fleet.endpoints), number)  # noqa: S311 - any of them
            number += 1
            if number % max(1, int(10 * rate)) == 0:
                print(json.dumps(fleet.counts()), flush=True)
            await asyncio.sleep(1 / rate)


def main() -> None:
    """Parse the command line and run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--certificates", type=Path, required=True)
    parser.add_argument("--authority", type=Path, required=True)
    parser.add_argument("--address", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=17472)
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("--skip", type=int, default=0, help="leave out so many certificates")
    parser.add_argument("--source", default="", help="the address to dial from")
    parser.add_argument("--rate", type=float, default=0.0, help="alerts a second, of all together")
    options = parser.parse_args()
    fleet = Fleet.from_certificates(
        options.certificates,
        options.authority,
        (options.address, options.port),
        range(options.skip, options.skip + options.count),
        source=options.source,
    )
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(raise_alerts(fleet, options.rate) if options.rate else keep_and_obey(fleet))


if __name__ == "__main__":
    main()
