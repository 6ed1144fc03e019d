"""Targets C1, C2, C3, C12 and C13: the always-on channel beside a naive Channels consumer.

    python -m benchmarks.gateway [--count 5000] [--rounds 5] [--big 36000] [--postgres]

Everything runs in one go on one machine: both servers, both fleets, the databases. CPU seconds
and ratios count, absolute times depend on what else the machine does.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import psutil

from benchmarks.other_work import others_cpu
from benchmarks.postgres import postgres
from tests.console_processes import REPOSITORY, ConsoleProcesses, certificates_directory, free_port

# A process may have 20,000 files open here; above this many, several gateways share the port.
PER_GATEWAY = 18_000

# Runs in the console's environment: asks, then waits until every row says how it ended.
_ASK = """
import json, sys, time
from datetime import UTC, datetime, timedelta
import django
django.setup()
from console.core.actor import Actor
from console.endpoints.models import Endpoint
from console.gateway.models import OutboundInstruction
from console.gateway.services import send_instruction
from protocol.instructions import ReplaceCertificate
ids = list(Endpoint.objects.order_by("pk").values_list("pk", flat=True)[: int(sys.argv[1])])
for _ in range(int(sys.argv[2])):
    newest = OutboundInstruction.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
    done_now = OutboundInstruction.objects.filter(pk__gt=newest, state="DONE")
    began, used = time.monotonic(), time.process_time()
    # In slices, as deployments do: no transaction is long, and the first answers come early.
    sent = sum(
        send_instruction(
            ids[start : start + 500], ReplaceCertificate(address="localhost:17475"),
            actor=Actor.system("benchmark"), now=datetime.now(UTC), lifetime=timedelta(hours=1),
        )
        for start in range(0, len(ids), 500)
    )
    signed, cpu = time.monotonic() - began, time.process_time() - used
    while done_now.count() < sent:
        time.sleep(0.02)
        if time.monotonic() - began > 120:
            break
    done = done_now.count()
    print(json.dumps({"sent": sent, "done": done, "signed": signed,
                      "cpu": cpu, "all": time.monotonic() - began}))
    time.sleep(0.5)
"""

_ASK_RIVAL = """
import json, sys, time
import django
django.setup()
from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from benchmarks.rivals.channels_orm.models import Answer
count = int(sys.argv[1])
for question in range(int(sys.argv[2])):
    began = time.monotonic()
    async_to_sync(get_channel_layer().group_send)(
        "everybody", {"type": "question", "question": question}
    )
    while Answer.objects.filter(question=question).count() < count:
        time.sleep(0.02)
        if time.monotonic() - began > 300:
            break
    done = Answer.objects.filter(question=question).count()
    print(json.dumps({"sent": count, "done": done, "all": time.monotonic() - began}))
    time.sleep(0.5)
"""


class FleetProcess:
    """A fleet in a process of its own, obeying one command at a time.

    It has the `count` certificates after the first `skip`, and dials from `source`.
    """

    def __init__(
        self,
        module: str,
        console: ConsoleProcesses,
        port: int,
        count: int,
        *,
        skip: int = 0,
        source: str = "",
    ) -> None:
        keys = console.data / "keys"
        options = {
            "--certificates": certificates_directory(keys),
            "--authority": keys / "authority.pem",
            "--port": port,
            "--count": count,
            **({"--skip": skip} if skip else {}),
            **({"--source": source} if source else {}),
        }
        arguments = [str(part) for pair in options.items() for part in pair]
        self._process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            cwd=REPOSITORY,
            env=console.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def begin(self, command: str) -> None:
        """Send a command; `end` waits for its answer."""
        assert self._process.stdin is not None
        self._process.stdin.write(command + "\n")
        self._process.stdin.flush()

    def end(self) -> dict[str, Any]:
        """Wait until the command is carried out."""
        assert self._process.stdout is not None
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer

    def do(self, command: str) -> dict[str, Any]:
        """Carry out one command."""
        self.begin(command)
        return self.end()

    def stop(self) -> None:
        """End the fleet."""
        self._process.kill()
        self._process.wait(10)


class Meter:
    """CPU seconds and memory of one process."""

    def __init__(self, pid: int) -> None:
        self._process = psutil.Process(pid)
        self._cpu = self._cpu_now()

    def cpu(self) -> float:
        """Tell the CPU seconds since the last call."""
        before, self._cpu = self._cpu, self._cpu_now()
        return self._cpu - before

    def memory(self) -> int:
        """Tell the resident memory in bytes."""
        return int(self._process.memory_info().rss)

    def _cpu_now(self) -> float:
        times = self._process.cpu_times()
        return float(times.user + times.system)


def measure(
    console: ConsoleProcesses, ask: str, meter: Meter, count: int, rounds: int
) -> dict[str, float]:
    """Ask all endpoints `rounds` times: time (s), CPU per answer (µs), cores used by others."""
    meter.cpu()
    others = others_cpu()
    began = time.monotonic()
    lines = console.run_python(ask, str(count), str(rounds)).splitlines()
    cpu = meter.cpu()
    others = (others_cpu() - others) / (time.monotonic() - began)
    results = [json.loads(line) for line in lines]
    assert all(result["done"] == result["sent"] == count for result in results), results
    found = {
        "committed_s": statistics.median(result["all"] for result in results),
        "quickest_s": min(result["all"] for result in results),
        "cpu_us": 1e6 * cpu / (count * rounds),
        "others_cores": others,
    }
    if "signed" in results[0]:
        found["signed_s"] = statistics.median(result["signed"] for result in results)
        found["signed_cpu_us"] = 1e6 * statistics.median(each["cpu"] for each in results) / count
    return found


def heartbeat_cpu(fleet: FleetProcess, meter: Meter, count: int, rounds: int) -> float:
    """Tell the server's CPU per heartbeat (µs), what it does anyway subtracted."""
    meter.cpu()
    time.sleep(5)
    idle = meter.cpu() / 5
    began = time.monotonic()
    for _ in range(rounds):
        fleet.do("heartbeats 2")
    cpu = meter.cpu() - idle * (time.monotonic() - began)
    return 1e6 * cpu / (count * rounds)


@contextmanager
def running_console(
    data: Path, count: int, environment: dict[str, str] | None = None
) -> Iterator[tuple[ConsoleProcesses, Meter]]:
    """Run a gateway and an ingester for `count` endpoints; the meter is the gateway's."""
    console = ConsoleProcesses(data, environment=environment)
    try:
        console.prepare()
        console.populate(count)
        pid = console.start("gateway")
        console.start("ingest")
        time.sleep(3)
        yield console, Meter(pid)
    finally:
        console.stop()


def bench_ours(
    data: Path, count: int, rounds: int, environment: dict[str, str] | None = None
) -> dict[str, Any]:
    """Measure our gateway with `count` endpoints."""
    with ExitStack() as stack:
        console, meter = stack.enter_context(running_console(data, count, environment))
        fleet = FleetProcess("benchmarks.fleet", console, console.gateway_port, count)
        stack.callback(fleet.stop)
        before = meter.memory()
        meter.cpu()
        connected = fleet.do("connect")
        connect_cpu = meter.cpu()
        assert connected["failed"] == 0, connected
        time.sleep(2)
        found: dict[str, Any] = {
            "memory_kb": (meter.memory() - before) / 1024 / count,
            "connect_ms": 1000 * connect_cpu / count,
            "connects_per_s": count / connected["seconds"],
        }
        found.update(measure(console, _ASK, meter, count, rounds))
        found["heartbeat_us"] = heartbeat_cpu(fleet, meter, count, rounds)
        found["alerts"] = fleet.do("alerts 500 0.02")
        found["burst"] = fleet.do(f"burst {count}")
        meter.cpu()
        found["burst_again"] = fleet.do(f"burst {count}")
        found["alert_cpu_us"] = 1e6 * meter.cpu() / count
        found["counts"] = fleet.do("counts")
        return found


def bench_rival(data: Path, count: int, rounds: int) -> dict[str, Any]:
    """Measure the naive Channels consumer with `count` endpoints."""
    environment = {
        "DJANGO_SETTINGS_MODULE": "benchmarks.rivals.channels_orm.settings",
        "RIVAL_DATABASE": str(data / "rival.sqlite3"),
    }
    with ExitStack() as stack:
        console = ConsoleProcesses(data)
        stack.callback(console.stop)
        console.prepare()
        console.populate(count)
        console.environment.update(environment)
        port = free_port()
        server = subprocess.Popen(
            [
                *(sys.executable, "-m", "benchmarks.rivals.channels_orm.server"),
                *(str(data / "keys"), str(port)),
            ],
            cwd=REPOSITORY,
            env=console.environment,
        )
        stack.callback(server.wait)
        stack.callback(server.kill)
        time.sleep(4)
        meter = Meter(server.pid)
        fleet = FleetProcess("benchmarks.rivals.channels_orm.fleet", console, port, count)
        stack.callback(fleet.stop)
        before = meter.memory()
        meter.cpu()
        fleet.do("connect")
        found: dict[str, Any] = {"connect_ms": 1000 * meter.cpu() / count}
        time.sleep(2)
        found["memory_kb"] = (meter.memory() - before) / 1024 / count
        found.update(measure(console, _ASK_RIVAL, meter, count, rounds))
        found["heartbeat_us"] = heartbeat_cpu(fleet, meter, count, rounds)
        return found


def bench_big(data: Path, count: int, rounds: int) -> dict[str, Any]:
    """See how many endpoints gateways hold, that none is lost, and how long all take to obey."""
    shares = [min(PER_GATEWAY, count - start) for start in range(0, count, PER_GATEWAY)]
    with ExitStack() as stack:
        console, meter = stack.enter_context(running_console(data, count))
        meters = [meter, *(Meter(start_gateway(console, stack)) for _ in shares[1:])]
        time.sleep(3)
        fleets = [
            FleetProcess(
                *("benchmarks.fleet", console, console.gateway_port, share),
                skip=number * PER_GATEWAY,
                # One address has fewer than 30,000 ports to dial from.
                source=f"127.0.0.{number + 2}",
            )
            for number, share in enumerate(shares)
        ]
        for fleet in fleets:
            stack.callback(fleet.stop)
        before = sum(each.memory() for each in meters)
        connected = do_together(fleets, "connect")
        time.sleep(5)
        held = sum(each.memory() for each in meters) - before
        for each in meters:
            each.cpu()
        time.sleep(10)
        found: dict[str, Any] = {
            "connected": [each["connected"] for each in connected],
            "memory_kb": held / 1024 / count,
            "idle_percent": [round(10 * each.cpu(), 1) for each in meters],
        }
        show(f"{count} endpoints connected", found)
        found = measure(console, _ASK, meter, count, rounds)
        # The meter is of one gateway of several.
        del found["cpu_us"]
        return {
            **found,
            "burst": do_together(fleets, f"burst {shares[-1]}"),
            "counts": do_together(fleets, "counts"),
        }


def start_gateway(console: ConsoleProcesses, stack: ExitStack) -> int:
    """Run one more gateway on the same port until the stack is unwound; return its process id."""
    gateway = subprocess.Popen(
        [sys.executable, "manage.py", "gateway"], cwd=REPOSITORY, env=console.environment
    )
    stack.callback(gateway.wait)
    stack.callback(gateway.terminate)
    return gateway.pid


def do_together(fleets: list[FleetProcess], command: str) -> list[dict[str, Any]]:
    """Let all fleets carry out one command at the same time."""
    for fleet in fleets:
        fleet.begin(command)
    return [fleet.end() for fleet in fleets]


def show(title: str, found: dict[str, Any]) -> None:
    """Print one side's figures."""
    print(f"\n{title}")
    for name, figure in found.items():
        print(f"  {name:16} {figure:.1f}" if isinstance(figure, float) else f"  {name:16} {figure}")


def bench_beside_rivals(base: Path, options: argparse.Namespace) -> None:
    """Measure ours, then what one would pick instead, then ours on PostgreSQL."""
    ours = bench_ours(base / "ours", options.count, options.rounds)
    show(f"Vedette, SQLite and Valkey, {options.count} endpoints", ours)
    if not options.no_rival:
        rival = bench_rival(base / "rival", options.count, options.rounds)
        show(f"Channels consumer with ORM create, {options.count} endpoints", rival)
        print("\nratios (rival / ours)")
        for name in ("committed_s", "cpu_us", "heartbeat_us", "memory_kb", "connect_ms"):
            print(f"  {name:16} {rival[name] / ours[name]:.1f}")
    if options.postgres:
        with postgres(base / "postgres") as url:
            environment = {"DATABASE_URL": url}
            other = bench_ours(base / "scaled", options.count, options.rounds, environment)
        show("Vedette, PostgreSQL and Valkey", other)
        print(f"  C12: PostgreSQL / SQLite {other['committed_s'] / ours['committed_s']:.2f}")


def main() -> None:
    """Measure what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--count", type=int, default=5000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--big", type=int, default=0, help="also hold this many endpoints")
    parser.add_argument("--no-small", action="store_true", help="nothing but --big")
    parser.add_argument("--postgres", action="store_true", help="also on PostgreSQL")
    parser.add_argument("--no-rival", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="vedette-bench-") as directory:
        base = Path(directory)
        base.chmod(0o755)
        if not options.no_small:
            bench_beside_rivals(base, options)
        if options.big:
            big = bench_big(base / "big", options.big, options.rounds)
            show(f"{options.big} endpoints, {PER_GATEWAY} for each gateway", big)


if __name__ == "__main__":
    main()
