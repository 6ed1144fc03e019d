"""Simulated endpoints: the real protocol, real certificates, no recorder behind them.

Many fit into one process. Each keeps what it must deliver until it is acknowledged, sends it
again after a reconnect, and does as it is told by Later and Goodbye, as the agent does.
"""

from __future__ import annotations

import asyncio
import random
import ssl
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final, cast
from uuid import UUID

import msgspec
from websockets.client import ClientProtocol
from websockets.frames import Frame, Opcode
from websockets.http11 import Response
from websockets.protocol import State as WebSocketState
from websockets.uri import parse_uri

from protocol import codec
from protocol.arrivals import MessageReceived
from protocol.ends import AgentLink
from protocol.events import Process, ProcessStarted
from protocol.exceptions import ProtocolError
from protocol.instructions import AskQuestion
from protocol.messages import (
    VERSION_NEWEST,
    VERSION_OLDEST,
    Acknowledge,
    AlertRaised,
    Durable,
    Goodbye,
    Heartbeat,
    Hello,
    Instruct,
    InstructionCompleted,
    Later,
    Platform,
    QuestionAnswered,
    Welcome,
)
from protocol.questions import ANSWERED
from protocol.signing import FLEET, SignedPart

# Where the signed part begins in an envelope (see `protocol.signing`): the fleet trusts its
# console and looks only for the sequence, because 5,000 verifications would be measured instead.
_SIGNED_AT: Final = 73
_envelope_decoder: Final = msgspec.msgpack.Decoder(SignedPart)

CAPABILITIES: Final = ("intel.apply", "question.ask")

_arriving: Final = bytearray(64 * 1024)

RECONNECT_MIN: Final = 0.05
RECONNECT_MAX: Final = 1.0


def make_hello(
    number: int, *, sequence: int = 0, capabilities: Sequence[str] = CAPABILITIES
) -> Hello:
    """Build the Hello of the simulated computer with this number."""
    return Hello(
        version_oldest=VERSION_OLDEST,
        version_newest=VERSION_NEWEST,
        agent_version="0.0-simulated",
        boot_id=f"boot-{number}",
        sent_at=time.time_ns() // 1000,
        platform=Platform(
            os="linux",
            os_name="Debian GNU/Linux",
            os_version="12",
            kernel="6.1.0",
            architecture="x86_64",
            host_name=f"simulated-{number:05}",
            addresses=["10.0.0.1"],
            machine_id=f"{number:032x}",
        ),
        capabilities=list(capabilities),
        intel_revision=0,
        sequence=sequence,
    )


def make_alert(number: int = 0, *, intel_id: UUID | None = None) -> AlertRaised:
    """Build an alert of usual size with an id of its own."""
    at = time.time_ns() // 1000
    process = Process(
        key=number,
        pid=4242,
        started_at=at,
        path="/usr/bin/curl",
        arguments=("curl", "-fsSL", f"http://192.0.2.7/stage/{number}"),
        cwd="/root",
        user="root",
        user_id=0,
    )
    return AlertRaised(
        id=uuid.uuid4(),
        intel_id=intel_id or UUID(int=7),
        intel_revision=1,
        at=at,
        event=ProcessStarted(at=at, process=process),
        process=process,
        matched=[],
    )


def answer_alike(number: int, question: AskQuestion) -> list[QuestionAnswered]:
    """Answer one row in which every column is the computer's number."""
    width = sum(selection.call.columns or 1 for selection in question.selections)
    return [make_answer(number, question.question_id, [[str(number)] * width])]


def make_answer(
    number: int, question_id: UUID, rows: list[list[str]], **fields: Any
) -> QuestionAnswered:
    """Build an answer, or one part of it, with the id that this computer gives it."""
    return QuestionAnswered(
        id=uuid.uuid5(question_id, f"{number}/{fields.get('part', 0)}"),
        question_id=question_id,
        rows=rows,
        **{"outcome": ANSWERED, "took": 1500, **fields},
    )


@lru_cache(maxsize=64)
def _question_in(signed: bytes) -> AskQuestion:
    """Read a question once for the whole fleet."""
    return cast(AskQuestion, codec.INSTRUCTION.decode(signed))


@dataclass(slots=True)
class Seen:
    """What one endpoint experienced, for tests and benchmarks to look at."""

    welcomes: int = 0
    closes: int = 0
    goodbyes: list[Goodbye] = field(default_factory=list)
    laters: list[Later] = field(default_factory=list)
    instructions: list[bytes] = field(default_factory=list)
    questions: list[AskQuestion] = field(default_factory=list)
    acknowledged: set[UUID] = field(default_factory=set)


class SimulatedEndpoint(asyncio.BufferedProtocol):
    """One endpoint. `context` carries its certificate."""

    def __init__(
        self,
        number: int,
        context: ssl.SSLContext,
        address: tuple[str, int],
        *,
        source: str | None = None,
        keep_instructions: bool = True,
        on_acknowledged: Callable[[Sequence[UUID]], None] | None = None,
        answers: Callable[[int, AskQuestion], Sequence[QuestionAnswered]] = answer_alike,
    ) -> None:
        self.number = number
        self.capabilities: Sequence[str] = CAPABILITIES
        self.answers = answers
        self.seen = Seen()
        self.outbox: dict[UUID, Durable] = {}
        self.sequence = 0
        self.is_connected = asyncio.Event()
        self.is_closed = asyncio.Event()
        self.is_closed.set()
        self._context = context
        self._address = address
        self._source = source
        self._keep_instructions = keep_instructions
        self._on_acknowledged = on_acknowledged
        self._transport: asyncio.Transport | None = None
        self._websocket = ClientProtocol(parse_uri("wss://console/"))
        self._link = AgentLink()
        self._held_until = 0.0

    # ------------------------------------------------------------------ what tests call

    async def connect(self) -> None:
        """Dial once and wait for Welcome. Raises OSError, or TimeoutError after 20 seconds."""
        self._websocket = ClientProtocol(
            parse_uri(f"wss://{self._address[0]}:{self._address[1]}/"), max_size=2**20
        )
        self._link = AgentLink()
        self.is_connected.clear()
        self.is_closed.clear()
        try:
            await asyncio.get_running_loop().create_connection(
                lambda: self,
                *self._address,
                ssl=self._context,
                server_hostname="localhost",
                ssl_handshake_timeout=10,
                local_addr=(self._source, 0) if self._source else None,
            )
            async with asyncio.timeout(20):
                await self._wait_until_connected()
        except BaseException:
            self.is_closed.set()
            raise

    async def stay_connected(self) -> None:
        """Dial again whenever the connection ends, until cancelled."""
        while True:
            try:
                await self.connect()
                await self.is_closed.wait()
            except (OSError, TimeoutError):
                # The console is away; so is everything that tells why.
                pause = RECONNECT_MAX
            else:
                pause = RECONNECT_MIN
            await asyncio.sleep(random.uniform(pause / 2, pause))  # noqa: S311 - jitter

    def deliver(self, message: Durable) -> None:
        """Keep a message until it is acknowledged; send it now when that is possible."""
        self.outbox[message.id] = message
        if self.is_connected.is_set() and time.monotonic() >= self._held_until:
            self.send(message)

    def send(self, message: Any) -> None:
        """Send one message."""
        self._link.send_message(message)
        self.flush()

    def heartbeat(self) -> None:
        """Send a heartbeat."""
        self.send(Heartbeat(sent_at=time.time_ns() // 1000))

    def send_raw(self, content: bytes) -> None:
        """Send bytes below the WebSocket."""
        if self._transport is not None:
            self._transport.write(content)

    def send_frame(self, content: bytes) -> None:
        """Send one binary WebSocket message of any content."""
        self._websocket.send_binary(content)
        self._write()

    def pause_reading(self) -> None:
        """Read nothing any more, as a computer that hangs."""
        if self._transport is not None:
            self._transport.pause_reading()

    def abort(self) -> None:
        """Break the connection without a word."""
        if self._transport is not None:
            self._transport.abort()

    # ------------------------------------------------------------------ the transport's calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for a WebSocket."""
        self._transport = cast(asyncio.Transport, transport)
        self._websocket.send_request(self._websocket.connect())
        self._write()

    def get_buffer(self, sizehint: int) -> bytearray:
        """Say where to write what arrives; it is taken out before another endpoint reads."""
        return _arriving

    def buffer_updated(self, nbytes: int) -> None:
        """Act on what the gateway sent."""
        self._websocket.receive_data(bytes(_arriving[:nbytes]))
        for event in self._websocket.events_received():
            if isinstance(event, Response):
                self._on_response()
            elif cast(Frame, event).opcode is Opcode.BINARY:
                self._on_message(bytes(cast(Frame, event).data))
        self._write()

    def eof_received(self) -> bool:
        """Let the transport close."""
        self._websocket.receive_eof()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """Note the end."""
        self._transport = None
        self.is_connected.clear()
        self.seen.closes += 1
        self.is_closed.set()

    # ------------------------------------------------------------------ inside

    async def _wait_until_connected(self) -> None:
        connected = asyncio.ensure_future(self.is_connected.wait())
        closed = asyncio.ensure_future(self.is_closed.wait())
        try:
            await asyncio.wait({connected, closed}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            connected.cancel()
            closed.cancel()
        if not self.is_connected.is_set():
            raise ConnectionResetError("closed before Welcome")

    def _on_response(self) -> None:
        if self._websocket.state is WebSocketState.OPEN:
            self._link.greet(
                make_hello(self.number, sequence=self.sequence, capabilities=self.capabilities)
            )
            self.flush()

    def _on_message(self, content: bytes) -> None:
        try:
            arrivals = self._link.receive_frame(content)
        except ProtocolError:
            self.abort()
            raise
        for arrival in arrivals:
            if isinstance(arrival, MessageReceived):
                self._act_on(arrival.message)

    def _act_on(self, message: Any) -> None:
        match message:
            case Welcome():
                self.seen.welcomes += 1
                self.is_connected.set()
                self._send_outbox()
            case Acknowledge(ids=ids):
                for message_id in ids:
                    self.outbox.pop(message_id, None)
                if self._on_acknowledged is not None:
                    self._on_acknowledged(ids)
                else:
                    self.seen.acknowledged.update(ids)
            case Instruct(envelope=envelope):
                self._carry_out(envelope)
            case Later(retry_after=retry_after):
                self.seen.laters.append(message)
                self._held_until = time.monotonic() + retry_after
                asyncio.get_running_loop().call_later(retry_after + 0.01, self._send_outbox)
            case Goodbye():
                self.seen.goodbyes.append(message)

    def _carry_out(self, envelope: bytes) -> None:
        signed = _envelope_decoder.decode(envelope[_SIGNED_AT:])
        sequence = signed.sequence
        if self._keep_instructions:
            self.seen.instructions.append(envelope)
        if signed.audience == FLEET:
            question = _question_in(signed.instruction)
            if self._keep_instructions:
                self.seen.questions.append(question)
            for answer in self.answers(self.number, question):
                self.deliver(answer)
            return
        if sequence > self.sequence:
            self.sequence = sequence
            self.deliver(InstructionCompleted(id=uuid.uuid4(), sequence=sequence, outcome="done"))

    def _send_outbox(self) -> None:
        if not self.is_connected.is_set() or time.monotonic() < self._held_until:
            return
        for message in list(self.outbox.values()):
            self.send(message)

    def flush(self) -> None:
        """Write what the protocol has queued. What is lost by closing is sent again."""
        if self._transport is None or self._websocket.state is not WebSocketState.OPEN:
            return
        while frames := self._link.frames_to_send():
            for frame in frames:
                self._websocket.send_binary(frame)
        self._write()

    def _write(self) -> None:
        chunks = self._websocket.data_to_send()
        if self._transport is None or not chunks:
            return
        if output := b"".join(chunks):
            self._transport.write(output)
        if not chunks[-1]:
            self._transport.close()
