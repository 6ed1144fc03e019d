"""Endpoints and strangers that mean harm, against the ports of a real console."""

from __future__ import annotations

import ssl
import struct
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from protocol.arrivals import MessageReceived
from protocol.ends import AgentLink
from protocol.messages import Hello, Platform, Welcome
from tests.e2e.attacks import Attack
from tests.e2e.console import GATEWAY_PORT, SESSIONS_PORT, Agent, Console, eventually
from tests.e2e.network import Host
from tests.e2e.peers import client_context, dial, identity_of, is_heard, other_authority

pytestmark = [
    pytest.mark.root,
    pytest.mark.slow,
    pytest.mark.timeout(240),
]

STATUS_PORT = 17443
WEB_PORT = 8443
GIBIBYTE = 1 << 30
HALF_OPEN = 1000
# A TLS record header that promises a ClientHello of 512 bytes, and then nothing.
HALF_A_HELLO = b"\x16\x03\x01\x02\x00\x01"
MARKUP = "<script>alert(1)</script>"
ESCAPES = "\x1b]0;owned\x07\x1b[31m"


@pytest.fixture
def rogue(console: Console, hosts: list[Host], tmp_path: Path) -> Agent:
    """An endpoint that joined in order, and whose certificate somebody else now uses."""
    return console.joined_agent(hosts[2], tmp_path / "rogue")


@contextmanager
def channel(
    console: Console, agent: Agent, *, port: int = GATEWAY_PORT
) -> Iterator[ClientConnection]:
    """Open the WebSocket of an agent."""
    address = console.host.address
    with connect(
        f"wss://{address}:{GATEWAY_PORT}/",
        sock=agent.host.connect(address, GATEWAY_PORT),
        ssl=client_context(console, agent.identity.read_bytes()),
        proxy=None,
    ) as socket:
        yield socket


def hello_of(host_name: str, machine_id: str = "") -> Hello:
    platform = Platform(
        os="linux",
        os_name="Debian",
        os_version="12",
        kernel="6.1",
        architecture="x86_64",
        host_name=host_name,
        addresses=[],
        machine_id=machine_id,
    )
    return Hello(
        version_oldest=1,
        version_newest=1,
        agent_version="0.1.0",
        boot_id=str(uuid4()),
        sent_at=int(time.time() * 1_000_000),
        platform=platform,
        capabilities=[],
        intel_revision=0,
        sequence=0,
    )


def greet(socket: ClientConnection, hello: Hello) -> None:
    """Say hello as an agent does, and be welcomed."""
    link = AgentLink()
    link.greet(hello)
    for frame in link.frames_to_send():
        socket.send(frame)
    arrivals = link.receive_frame(socket.recv(timeout=10, decode=False))
    assert any(isinstance(a, MessageReceived) and isinstance(a.message, Welcome) for a in arrivals)


def was_cut(socket: ClientConnection) -> bool:
    """Tell whether the console ends the connection by itself within ten seconds."""
    try:
        while True:
            socket.recv(timeout=10)
    except ConnectionClosed:
        return True
    except TimeoutError:
        return False


class TestHostileText:
    def test_arrives_as_it_was_recorded(
        self, console: Console, agent: Agent, tmp_path: Path
    ) -> None:
        attack = Attack(console, agent, tmp_path).prepare()
        folder = tmp_path / f"line\nbreak <script> {ESCAPES}"
        folder.mkdir()
        program = folder / "pro\ngram"
        program.write_bytes(Path("/bin/true").read_bytes())
        program.chmod(0o755)
        arguments: list[str | bytes] = [
            f"{attack.marker}-",
            b"\xff\xfe\x80 not UTF-8",
            MARKUP,
            ESCAPES,
            "a\nb",
            "",
        ]

        agent.host.run(str(program), *arguments)

        alert = eventually(lambda: self._about_start(console, attack), within=20, what="the alert")
        event = alert["event"]
        assert alert["process_path"] == event["process"]["path"] == str(program)
        # A byte that is not UTF-8 stands as an escape, so that nothing of it is lost.
        recorded = [str(program), f"{attack.marker}-", "\\xff\\xfe\\x80 not UTF-8", *arguments[2:]]
        assert event["process"]["arguments"] == recorded
        # An endpoint's status for a terminal holds no control characters at all.
        said = agent.command("status").stdout
        assert all(character.isprintable() or character == "\n" for character in said)

    @staticmethod
    def _about_start(console: Console, attack: Attack) -> dict[str, Any] | None:
        for alert in console.alerts(attack.intel_id):
            if alert["event"]["kind"] == "process" and alert["process_path"].endswith("gram"):
                return alert
        return None

    def test_in_hello_stays_text_and_short(self, console: Console, rogue: Agent) -> None:
        name = f"{MARKUP}{ESCAPES}\n{'x' * 5000}"
        with channel(console, rogue) as socket:
            greet(socket, hello_of(name))
            shown = eventually(
                lambda: (
                    console.endpoint(rogue.endpoint_id)["host_name"].startswith("<script>")
                    and console.endpoint(rogue.endpoint_id)["host_name"]
                ),
                within=10,
                what="the new name",
            )

        assert len(shown) < 300
        assert "\x1b" not in shown
        assert "\n" not in shown


class TestARogueEndpoint:
    def test_that_speaks_garbage_is_cut(self, console: Console, rogue: Agent) -> None:
        context = client_context(console, rogue.identity.read_bytes())
        with dial(rogue.host, console, GATEWAY_PORT, context) as connection:
            connection.sendall(b"\x00garbage\xff" * 1000)
            assert ends(connection)
        with channel(console, rogue) as socket:
            socket.send(b"\xff" * 100)
            assert was_cut(socket)
        with channel(console, rogue) as socket:
            greet(socket, hello_of("rogue"))
            socket.send(b"\x01\x00\x00\x00\x00\x00\x01 this is not zstd")
            assert was_cut(socket)

    def test_that_announces_a_gibibyte_is_cut_and_costs_nothing(
        self, console: Console, rogue: Agent
    ) -> None:
        gateway = console.program("console.gateway.server")
        before = gateway.memory_info().rss
        context = client_context(console, rogue.identity.read_bytes())
        with dial(rogue.host, console, GATEWAY_PORT, context) as connection:
            key = "GET / HTTP/1.1\r\nHost: console\r\nUpgrade: websocket\r\n"
            key += "Connection: Upgrade\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
            connection.sendall(f"{key}Sec-WebSocket-Version: 13\r\n\r\n".encode())
            assert b"101 Switching Protocols" in connection.recv(4096)
            # A masked binary frame of one gibibyte begins.
            connection.sendall(b"\x82\xff" + struct.pack(">Q", GIBIBYTE) + bytes(4 + 100_000))
            assert ends(connection)

        assert gateway.memory_info().rss - before < 16 * 1024 * 1024

    def test_cannot_be_another_endpoint(self, console: Console, agent: Agent, rogue: Agent) -> None:
        victim = console.endpoint(agent.endpoint_id)
        # Its identity is its certificate, whatever else it says of itself.
        with channel(console, rogue) as socket:
            greet(socket, hello_of("i-am-the-victim", machine_id=victim["machine_id"]))
            eventually(
                lambda: console.endpoint(rogue.endpoint_id)["host_name"] == "i-am-the-victim",
                within=10,
                what="the change of the rogue's own row",
            )
        assert console.endpoint(agent.endpoint_id)["host_name"] == victim["host_name"]
        # A certificate that names the victim comes from nobody whom the console trusts.
        now = datetime.now(UTC)
        forged = identity_of(other_authority(now=now), UUID(agent.endpoint_id), now=now)
        for port in (GATEWAY_PORT, SESSIONS_PORT):
            assert not is_heard(rogue.host, console, port, client_context(console, forged))
        assert console.is_online(agent)

    def test_cannot_take_the_live_session_of_another(
        self, console: Console, agent: Agent, rogue: Agent
    ) -> None:
        session = console.open_session(agent)
        address = console.host.address
        for path in (f"/session/{session}", "/session/../../etc/passwd", f"/session/{uuid4()}"):
            with (
                pytest.raises(InvalidStatus),
                connect(
                    f"wss://{address}:{SESSIONS_PORT}{path}",
                    sock=rogue.host.connect(address, SESSIONS_PORT),
                    ssl=client_context(console, rogue.identity.read_bytes()),
                    additional_headers={"Authorization": "Ticket guessed"},
                    proxy=None,
                ),
            ):
                pass


@pytest.mark.parametrize("port", [GATEWAY_PORT, SESSIONS_PORT, STATUS_PORT, WEB_PORT])
def test_a_thousand_half_open_handshakes_keep_nobody_out(
    console: Console, agent: Agent, hosts: list[Host], tmp_path: Path, port: int
) -> None:
    # Pages are served to the console's own computer only.
    stranger, address = (
        (console.host, "127.0.0.1") if port == WEB_PORT else (hosts[2], console.host.address)
    )
    with ExitStack() as stack:
        for _ in range(HALF_OPEN):
            connection = stack.enter_context(stranger.connect(address, port))
            connection.sendall(HALF_A_HELLO)

        # Somebody joins, connects and is looked into, which takes all four ports.
        newcomer = console.joined_agent(hosts[2], tmp_path / "newcomer")
        newcomer.start()
        stack.callback(newcomer.stop)
        console.wait_for(newcomer, within=20)
        session = console.open_session(newcomer)
        console.search(session, "process.path contains 'nothing'")
        assert console.is_online(agent)
        assert agent.status()["link"] == "connected"


def ends(connection: ssl.SSLSocket) -> bool:
    """Tell whether the console closes within the socket's time-out."""
    try:
        while connection.recv(65_536):
            pass
    except TimeoutError:
        return False
    except (ssl.SSLError, ConnectionError):
        return True
    return True
