"""The rival's endpoints: as lean as ours, but JSON. Commands: `connect`, `heartbeats SECONDS`."""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import ssl
import sys
import time
from pathlib import Path
from typing import Any, cast

import uvloop
from websockets.client import ClientProtocol
from websockets.frames import Frame, Opcode
from websockets.http11 import Response
from websockets.uri import parse_uri

CONCURRENT_DIALS = 64
_arriving = bytearray(64 * 1024)


class RivalEndpoint(asyncio.BufferedProtocol):
    """Answers every question at once."""

    def __init__(self, context: ssl.SSLContext, port: int) -> None:
        self._context = context
        self._port = port
        self._websocket = ClientProtocol(parse_uri(f"wss://127.0.0.1:{port}/"))
        self._transport: asyncio.Transport | None = None
        self.connected = asyncio.Event()

    async def connect(self) -> None:
        """Dial and wait until the WebSocket is open."""
        await asyncio.get_running_loop().create_connection(
            lambda: self,
            "127.0.0.1",
            self._port,
            ssl=self._context,
            server_hostname="localhost",
        )
        await asyncio.wait_for(self.connected.wait(), 30)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for a WebSocket."""
        self._transport = cast(asyncio.Transport, transport)
        self._websocket.send_request(self._websocket.connect())
        self._write()

    def get_buffer(self, sizehint: int) -> bytearray:
        """Say where to write what arrives; it is taken out before another endpoint reads."""
        return _arriving

    def buffer_updated(self, nbytes: int) -> None:
        """Answer questions."""
        self._websocket.receive_data(bytes(_arriving[:nbytes]))
        for event in self._websocket.events_received():
            if isinstance(event, Response):
                self.connected.set()
            elif cast(Frame, event).opcode is Opcode.TEXT:
                question = json.loads(bytes(cast(Frame, event).data))
                self.send({"t": "answer", "question": question["question"], "outcome": "done"})
        self._write()

    def send(self, message: dict[str, Any]) -> None:
        """Send a message as JSON."""
        self._websocket.send_text(json.dumps(message).encode())
        self._write()

    def _write(self) -> None:
        if self._transport is not None:
            self._transport.write(b"".join(self._websocket.data_to_send()))


async def obey(endpoints: list[RivalEndpoint]) -> None:
    """Carry out the commands of standard input."""
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
    )
    while line := (await reader.readline()).decode().split():
        began = time.monotonic()
        if line[0] == "connect":
            waiting = iter(endpoints)

            async def dial(queue: Any = waiting) -> None:
                for endpoint in queue:
                    await endpoint.connect()

            await asyncio.gather(*(dial() for _ in range(CONCURRENT_DIALS)))
            gc.freeze()
        elif line[0] == "heartbeats":
            size = max(1, len(endpoints) // 200)
            for start in range(0, len(endpoints), size):
                for endpoint in endpoints[start : start + size]:
                    endpoint.send({"t": "heartbeat"})
                await asyncio.sleep(float(line[1]) / 200)
        else:
            return
        answer = {"connected": len(endpoints), "seconds": time.monotonic() - began}
        print(json.dumps(answer), flush=True)


def main() -> None:
    """Parse the command line and run."""
    parser = argparse.ArgumentParser(description="The rival's endpoints.")
    parser.add_argument("--certificates", type=Path, required=True)
    parser.add_argument("--authority", type=Path, required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--count", type=int, required=True)
    options = parser.parse_args()
    endpoints = []

    async def run() -> None:
        for path in sorted(options.certificates.iterdir())[: options.count]:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.load_verify_locations(options.authority)
            context.load_cert_chain(path)
            endpoints.append(RivalEndpoint(context, options.port))
        await obey(endpoints)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run())


if __name__ == "__main__":
    main()
