"""E13: what a resident agent weighs with 600 rules, and how soon it records.

Starts the real agent on a temporary home, deployed with real rules from the public test data,
connected to a small gateway over mutual TLS, with an event store and an outbox open. Run as root
for the real event sources: `python benchmarks/agent_memory.py [SECONDS]`.
"""

from __future__ import annotations

import asyncio
import ipaddress
import json
import os
import ssl
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple
from uuid import UUID, uuid4

import msgspec
import psutil
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from websockets.asyncio.server import ServerConnection, serve

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY))

from agent.directories import Directories  # noqa: E402 -- after the path is known
from agent.identity import Enrolment, SigningKey, write_enrolment  # noqa: E402
from detection.exceptions import SignalError  # noqa: E402
from detection.signals.parser import parse_signal  # noqa: E402
from protocol.arrivals import MessageReceived  # noqa: E402
from protocol.ends import GatewayLink  # noqa: E402
from protocol.instructions import ApplyIntel, SignalRule  # noqa: E402
from protocol.messages import Goodbye, Hello, StatusReport  # noqa: E402

RULES = 600
TARGET_BYTES = 60 * 1024 * 1024
TARGET_SECONDS = 3.0
DEFAULT_SECONDS = 15.0
START_TIMEOUT = 30.0


def real_rules() -> list[SignalRule]:
    """Return 600 rules that this platform can evaluate, from the public data."""
    folder = Path(os.environ.get("VEDETTE_TEST_DATA", REPOSITORY.parent / "shared" / "data"))
    entries = json.loads((folder / "signals" / "signals_from_sigma.json").read_text())
    rules: list[SignalRule] = []
    for entry in entries:
        try:
            parse_signal(entry["text"], term_limit=None, platforms=("linux",))
        except SignalError:
            continue
        rules.append(
            SignalRule(
                intel_id=uuid4(),
                revision=1,
                name=entry["name"],
                definition=entry["text"],
                platforms=["linux"],
            )
        )
    # The data has a few less that this platform can evaluate: the first ones count twice.
    again = [msgspec.structs.replace(rule, intel_id=uuid4()) for rule in rules]
    assert len(rules) * 2 >= RULES, f"only {len(rules)} rules can be evaluated here"
    return (rules + again)[:RULES]


def _named(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(x509.oid.NameOID.COMMON_NAME, text)])


class Authority:
    """A CA for one run."""

    def __init__(self) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        extension = x509.BasicConstraints(ca=True, path_length=None)
        self.pem = self.certify(self.key.public_key(), extension)

    def certify(self, key: ec.EllipticCurvePublicKey, extension: x509.ExtensionType) -> str:
        """Issue a certificate for this key."""
        now = datetime.now(UTC)
        own = key == self.key.public_key()
        certificate = (
            x509.CertificateBuilder()
            .subject_name(_named("authority" if own else "holder"))
            .issuer_name(_named("authority"))
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(minutes=1))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(extension, critical=False)
            .sign(self.key, hashes.SHA256())
        )
        return certificate.public_bytes(serialization.Encoding.PEM).decode()

    def identity(self, name: x509.GeneralName) -> bytes:
        """Return a new key with its certificate."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = self.certify(key.public_key(), x509.SubjectAlternativeName([name]))
        private = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        return private + certificate.encode()


class Gateway:
    """Welcomes one agent and remembers its last status."""

    def __init__(self) -> None:
        self.reports: list[StatusReport] = []
        self.records = asyncio.Event()

    async def serve(self, websocket: ServerConnection) -> None:
        """Speak the gateway's end of the protocol."""
        link = GatewayLink()
        async for received in websocket:
            assert isinstance(received, bytes)
            for arrival in link.receive_frame(received):
                if not isinstance(arrival, MessageReceived):
                    continue
                if isinstance(arrival.message, Hello):
                    link.welcome(
                        server_at=time.time_ns() // 1000,
                        heartbeat_interval=5.0,
                        status_interval=0.2,
                    )
                elif isinstance(arrival.message, StatusReport):
                    self.reports.append(arrival.message)
                    if arrival.message.sources:
                        self.records.set()
                elif isinstance(arrival.message, Goodbye):
                    link.close("goodbye")
            for frame in link.frames_to_send():
                await websocket.send(frame)


def make_home(home: Path, authority: Authority, port: int) -> None:
    """Write the files of an enrolled agent with deployed rules."""
    directories = Directories.under(home)
    directories.create()
    endpoint_id = uuid4()
    directories.authority_file.write_text(authority.pem)
    uri = x509.UniformResourceIdentifier(f"urn:uuid:{endpoint_id}")
    directories.identity_file.write_bytes(authority.identity(uri))
    write_enrolment(directories, _enrolment(endpoint_id, port))
    deployment = ApplyIntel(revision=1, signals=real_rules())
    directories.intel_file.write_bytes(msgspec.msgpack.encode(deployment))


def _enrolment(endpoint_id: UUID, port: int) -> Enrolment:
    tomorrow = (time.time_ns() // 1000) + 86_400_000_000
    public_key = Ed25519PrivateKey.generate().public_key().public_bytes_raw()
    return Enrolment(
        endpoint_id=endpoint_id,
        enrolment_address=f"127.0.0.1:{port}",
        gateway=f"127.0.0.1:{port}",
        sessions=f"127.0.0.1:{port}",
        signing_keys=[SigningKey("benchmark", public_key)],
        certificate_from_at=0,
        certificate_until_at=tomorrow,
        renew_at=tomorrow,
    )


async def measure(seconds: float) -> bool:
    """Run the agent for so long, print what it took, and tell whether the targets are met."""
    with tempfile.TemporaryDirectory() as folder:
        authority, gateway = Authority(), Gateway()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        chain = Path(folder) / "server.pem"
        chain.write_bytes(authority.identity(x509.IPAddress(ipaddress.ip_address("127.0.0.1"))))
        context.load_cert_chain(chain)
        async with serve(gateway.serve, "127.0.0.1", 0, ssl=context, compression=None) as server:
            port = next(iter(server.sockets)).getsockname()[1]
            home = Path(folder) / "home"
            make_home(home, authority, port)
            began = time.monotonic()
            agent = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "agent", "--home", str(home), "run", cwd=REPOSITORY
            )
            async with asyncio.timeout(START_TIMEOUT):
                await gateway.records.wait()
            started = time.monotonic() - began
            await asyncio.sleep(seconds)
            process = psutil.Process(agent.pid)
            memory = process.memory_full_info()
            maps = process.memory_maps()
            ring = sum(m.rss for m in maps if "bpf-map" in m.path)
            weight = Weight(memory.rss, memory.pss, sum(m.private_dirty for m in maps), ring)
            report = gateway.reports[-1]
            agent.terminate()
            await agent.wait()
    return show(report, weight, started)


class Weight(NamedTuple):
    """Bytes: resident; resident, shared pages split; written by this process alone; the ring."""

    resident: int
    proportional: int
    own: int
    ring: int


def show(report: StatusReport, weight: Weight, started: float) -> bool:
    """Print the figures beside their targets."""
    sources = ", ".join(s.name for s in report.sources if s.state == "running") or "none"
    print(f"rules evaluated                {report.signals}")
    print(f"event sources                  {sources}")
    print(f"events recorded                {sum(c.recorded for c in report.counters.values())}")
    print(f"own use of one core            {report.cpu_percent:.2f} %")
    for problem in report.problems:
        print(f"problem                        {problem}")
    light, soon = weight.resident <= TARGET_BYTES, started <= TARGET_SECONDS
    megabytes = 1024 * 1024
    print(
        f"resident memory                {weight.resident / megabytes:.1f} MiB "
        f"(PSS {weight.proportional / megabytes:.1f}, "
        f"private dirty {weight.own / megabytes:.1f}), "
        f"target {TARGET_BYTES / megabytes:.0f}: {'met' if light else 'MISSED'}"
    )
    print(f"  of it the kernel's event ring  {weight.ring / megabytes:.1f} MiB")
    print(
        f"start to recording             {started:.2f} s, "
        f"target {TARGET_SECONDS:.0f}: {'met' if soon else 'MISSED'}"
    )
    return light and soon


if __name__ == "__main__":
    given = float(sys.argv[1]) if len(sys.argv) > 1 else DEFAULT_SECONDS
    sys.exit(0 if asyncio.run(measure(given)) else 1)
