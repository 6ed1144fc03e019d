"""The recorder beside auditd: losses, CPU, slow-down of the watched, storms, attribution.

Targets E1 to E5. Both sides run in one go on this machine, medians of several rounds; the ratios
count, not the absolute figures. Needs root, gcc and auditd; an audit daemon that runs already is a
reason to stop. The state of the audit system is put back.

    sudo .venv/bin/python benchmarks/recorder.py --seconds 5 --rounds 3
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import hashlib
import json
import os
import resource
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from agent.recorder.recorder import Recorder
from protocol.events import Event, FileEvent, NetworkEvent, ProcessStarted

LOADS = Path(__file__).resolve().parent / "load"
TAG = "benchmark-load"
AUDITCTL = "/usr/sbin/auditctl"
AUDITD = "/usr/sbin/auditd"
STORM_FILES = 50_000
DROPPERS = 50
SHELLS = 400
CONNECT_PORT = 17999


class Workshop:
    """A temporary directory with the compiled load generators."""

    def __init__(self) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="vedette-benchmark-"))
        self.files = self.path / "files"
        self.files.mkdir()
        for source in LOADS.glob("*.c"):
            static = ["-static"] if source.stem == "nothing" else []
            subprocess.run(
                ["gcc", "-O2", *static, str(source), "-o", str(self.path / source.stem)], check=True
            )

    def exec_load(self, rate: float, seconds: float) -> list[str]:
        program = str(self.path / "nothing")
        return [str(self.path / "exec_load"), program, str(rate), str(seconds), TAG]

    def file_load(self, rate: float, seconds: float) -> list[str]:
        return [str(self.path / "file_load"), str(self.files), str(rate), str(seconds), TAG]

    def connect_load(self, rate: float, seconds: float) -> list[str]:
        return [str(self.path / "connect_load"), str(CONNECT_PORT), str(rate), str(seconds)]

    def remove(self) -> None:
        shutil.rmtree(self.path)


def run_loads(commands: list[list[str]]) -> list[dict[str, float]]:
    """Run load generators side by side and return what each says it did."""
    running = [subprocess.Popen(command, stdout=subprocess.PIPE) for command in commands]
    return [json.loads(process.communicate()[0]) for process in running]


# ------------------------------------------------------------------ the recorder


class Tally:
    """Counts the events that the load generators caused."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()

    def add(self, events: list[Event]) -> None:
        self.counts["events"] += len(events)
        for event in events:
            process = event.process
            if isinstance(event, ProcessStarted) and process is not None:
                self.counts["exec"] += f" {TAG}-" in process.command_line
                if "dropper" in process.path:
                    self.counts["dropped"] += 1
                    self.counts["dropped and hashed"] += process.sha256 is not None
            elif isinstance(event, FileEvent):
                name = event.path.rpartition("/")[2]
                if name.startswith(TAG):
                    self.counts[event.operation] += 1
                elif name.startswith("attributed-") and event.operation == "create":
                    right = process is not None and process.command_line.endswith(name)
                    self.counts["right" if right else "wrong"] += 1
            elif isinstance(event, NetworkEvent) and CONNECT_PORT in (event.port, event.local_port):
                self.counts[event.operation] += 1


def _record(pipe: Connection, data_directory: str) -> None:
    """Record in this process until told to stop; send counts and CPU seconds back."""
    asyncio.run(_record_until_told(pipe, Path(data_directory)))


async def _record_until_told(pipe: Connection, data_directory: Path) -> None:
    recorder = Recorder(data_directory)
    recorder.start()
    tally = Tally()
    loop = asyncio.get_running_loop()
    usage_at_start = resource.getrusage(resource.RUSAGE_SELF)

    def begin() -> None:
        nonlocal usage_at_start
        if pipe.recv() == "begin":
            usage_at_start = resource.getrusage(resource.RUSAGE_SELF)
            pipe.send("begun")
        else:
            loop.remove_reader(pipe.fileno())
            recorder.request_stop()

    loop.add_reader(pipe.fileno(), begin)
    pipe.send("ready")
    await recorder.run(tally.add)
    usage = resource.getrusage(resource.RUSAGE_SELF)
    cpu = usage.ru_utime + usage.ru_stime - usage_at_start.ru_utime - usage_at_start.ru_stime
    lost = sum(counters.lost for counters in recorder.counters().values())
    recorder.stop()
    pipe.send({"counts": dict(tally.counts), "cpu": cpu, "lost": lost, "rss": usage.ru_maxrss})


class RunningRecorder:
    """The recorder in a process of its own, so that its CPU time is its own."""

    def __init__(self) -> None:
        self._directory = tempfile.mkdtemp(prefix="vedette-benchmark-data-")
        self._pipe, there = get_context("spawn").Pipe()
        self._process = get_context("spawn").Process(target=_record, args=(there, self._directory))
        self._process.start()
        self._pipe.recv()
        time.sleep(0.5)
        self._pipe.send("begin")
        self._pipe.recv()

    def finish(self) -> dict[str, Any]:
        time.sleep(1.0)  # the last tick
        self._pipe.send("stop")
        result: dict[str, Any] = self._pipe.recv()
        self._process.join()
        shutil.rmtree(self._directory)
        return result


# ------------------------------------------------------------------ auditd


def _cpu_of(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _kauditd() -> int:
    found = subprocess.run(["pgrep", "-x", "kauditd"], capture_output=True, text=True, check=True)
    return int(found.stdout)


def audit_status() -> dict[str, str]:
    shown = subprocess.run([AUDITCTL, "-s"], capture_output=True, text=True, check=True).stdout
    return dict(line.split(" ", 1) for line in shown.splitlines() if " " in line)


class RunningAuditd:
    """auditd with rules for the same events, writing a log file, and nothing else."""

    def __init__(self, rules: list[str]) -> None:
        self._before = audit_status()
        if self._before["pid"] != "0":
            sys.exit("an audit daemon runs already: stop it first")
        self._directory = Path(tempfile.mkdtemp(prefix="vedette-benchmark-auditd-"))
        self.log = self._directory / "audit.log"
        (self._directory / "auditd.conf").write_text(
            f"log_file = {self.log}\nlog_format = RAW\nflush = INCREMENTAL_ASYNC\nfreq = 50\n"
            "max_log_file = 2000\nnum_logs = 2\nmax_log_file_action = ROTATE\n"
            "space_left = 75\nadmin_space_left = 50\nspace_left_action = IGNORE\n"
            "admin_space_left_action = IGNORE\ndisk_full_action = IGNORE\n"
            "disk_error_action = IGNORE\nname_format = NONE\nlocal_events = yes\n"
        )
        self._process = subprocess.Popen(
            [AUDITD, "-n", "-c", str(self._directory)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        while audit_status()["pid"] == "0":
            time.sleep(0.1)
        for rule in ("-e 1", "-b 8192", *rules):
            subprocess.run([AUDITCTL, *rule.split()], check=True, capture_output=True)
        self._lost = int(audit_status()["lost"])
        self._cpu = self._cpu_now()

    def finish(self) -> dict[str, float]:
        time.sleep(1.0)
        cpu = self._cpu_now() - self._cpu
        lost = int(audit_status()["lost"]) - self._lost
        size = self.log.stat().st_size
        subprocess.run([AUDITCTL, "-D"], check=True, capture_output=True)
        self._process.send_signal(signal.SIGTERM)
        self._process.wait()
        for option, name in (("-e", "enabled"), ("-b", "backlog_limit")):
            subprocess.run(
                [AUDITCTL, option, self._before[name].split()[0]], check=True, capture_output=True
            )
        shutil.rmtree(self._directory)
        return {"cpu": cpu, "lost": lost, "log": size}

    def _cpu_now(self) -> float:
        return _cpu_of(self._process.pid) + _cpu_of(_kauditd())


EXEC_RULES = ["-a always,exit -F arch=b64 -S execve,execveat -F success=1 -k b"]
FILE_RULES = [
    "-a always,exit -F arch=b64 -S openat,open,creat -F success=1 -F a2&3 -k b",
    "-a always,exit -F arch=b64 -S rename,renameat,renameat2,unlink,unlinkat -F success=1 -k b",
]


# ------------------------------------------------------------------ measurements


def measure_losses(workshop: Workshop, seconds: float) -> None:
    """E1: everything at once, counted."""
    loads = {
        "2,000 exec/s": [workshop.exec_load(2000, seconds)],
        "5,000 file writes/s": [workshop.file_load(5000, seconds)],
        "1,000 connects/s": [workshop.connect_load(1000, seconds)],
    }
    loads["all of them"] = [command for commands in loads.values() for command in commands]
    for name, commands in loads.items():
        recorder = RunningRecorder()
        done = dict(zip((Path(c[0]).stem for c in commands), run_loads(commands), strict=True))
        result = recorder.finish()
        counts = result["counts"]
        expected = {
            "exec": done.get("exec_load", {}).get("done", 0),
            "create": done.get("file_load", {}).get("done", 0),
            "write": done.get("file_load", {}).get("done", 0),
            "rename": done.get("file_load", {}).get("renamed", 0),
            "delete": done.get("file_load", {}).get("done", 0),
            "connect": done.get("connect_load", {}).get("done", 0),
            "accept": done.get("connect_load", {}).get("done", 0),
        }
        missing = {k: n - counts.get(k, 0) for k, n in expected.items() if n != counts.get(k, 0)}
        sent = ", ".join(f"{n:,} {k}" for k, n in expected.items() if n)
        print(f"E1 {name}: {sent}; missing {missing or 0}; lost {result['lost']}")


def measure_cpu(workshop: Workshop, seconds: float, rounds: int) -> None:
    """E2: CPU seconds per round, the recorder and auditd in turn."""
    loads = {
        "execs": ([workshop.exec_load(2000, seconds)], EXEC_RULES),
        "files": ([workshop.file_load(5000, seconds)], FILE_RULES),
    }
    for name, (commands, rules) in loads.items():
        ours, theirs, lost = [], [], []
        for _ in range(rounds):
            recorder = RunningRecorder()
            done = run_loads(commands)[0]["done"]
            ours.append(recorder.finish()["cpu"] / done * 1e6)
            auditd = RunningAuditd(rules)
            done = run_loads(commands)[0]["done"]
            result = auditd.finish()
            theirs.append(result["cpu"] / done * 1e6)
            lost.append(result["lost"])
        ratio = statistics.median(theirs) / statistics.median(ours)
        print(
            f"E2 {name}: recorder {statistics.median(ours):.1f} µs CPU per operation, auditd and"
            f" kauditd {statistics.median(theirs):.1f} µs (lost {max(lost):,.0f}): 1/{ratio:.1f}"
        )


def measure_ordinary(workshop: Workshop, seconds: float, rounds: int) -> None:
    """E3: CPU at an ordinary load, and with nothing to do but what the machine does anyway."""
    for name, commands in {
        "ordinary (20 exec, 200 file, 20 conn per s)": [
            workshop.exec_load(20, seconds),
            workshop.file_load(200, seconds),
            workshop.connect_load(20, seconds),
        ],
        "idle": [["sh", "-c", f"sleep {seconds}; echo '{{}}'"]],
    }.items():
        shares, events = [], []
        for _ in range(rounds):
            recorder = RunningRecorder()
            began = time.monotonic()
            run_loads(commands)
            result = recorder.finish()
            elapsed = time.monotonic() - began
            shares.append(100 * result["cpu"] / elapsed)
            events.append(result["counts"]["events"] / elapsed)
        print(
            f"E3 {name}: {statistics.median(shares):.2f} % of one core at"
            f" {statistics.median(events):.0f} events/s of the whole machine,"
            f" {result['rss'] / 1024:.0f} MiB resident"
        )


def measure_slowdown(workshop: Workshop, rounds: int) -> None:
    """E4: CPU per exec of the watched workload; the least of the rounds, as noise only adds."""
    results: dict[str, list[float]] = {watcher: [] for watcher in WATCHERS}
    for _ in range(max(rounds, 5)):
        for watcher, values in results.items():
            with WATCHERS[watcher]():
                (done,) = run_loads([workshop.exec_load(1e6, 1)])
            values.append(done["cpu"] / done["done"] * 1e6)
    base = min(results["nothing"])
    for watcher, values in results.items():
        print(f"E4 {watcher}: {min(values):.0f} µs CPU per exec, {min(values) / base - 1:+.1%}")


@contextlib.contextmanager
def _recorded() -> Iterator[None]:
    recorder = RunningRecorder()
    yield
    recorder.finish()


@contextlib.contextmanager
def _audited() -> Iterator[None]:
    auditd = RunningAuditd(EXEC_RULES)
    yield
    auditd.finish()


WATCHERS: dict[str, Callable[[], AbstractContextManager[None]]] = {
    "nothing": contextlib.nullcontext,
    "recorder": _recorded,
    "audit": _audited,
}


def measure_storm(workshop: Workshop) -> None:
    """E5: fifty thousand deletes; attribution; programs that delete themselves."""
    storm = workshop.path / "storm"
    storm.mkdir()
    for number in range(STORM_FILES):
        (storm / f"{TAG}-{number}").touch()
    recorder = RunningRecorder()
    subprocess.run(["rm", "-r", str(storm)], check=True)
    result = recorder.finish()
    print(
        f"E5 storm: {result['counts'].get('delete', 0):,} of {STORM_FILES:,} deletes,"
        f" {result['cpu']:.2f} CPU-s"
    )
    recorder = RunningRecorder()
    for number in range(SHELLS):
        path = workshop.files / f"attributed-{number}"
        subprocess.run(["sh", "-c", f"echo x > {path}"], check=True)
    shell = Path("/bin/sh").resolve().read_bytes()
    digests = set()
    for number in range(DROPPERS):
        dropper = workshop.path / f"dropper-{number}"
        dropper.write_bytes(shell + os.urandom(16))
        digests.add(hashlib.sha256(dropper.read_bytes()).hexdigest())
        dropper.chmod(0o755)
        subprocess.run([str(dropper), "-c", f"rm {dropper}"], check=True)
    counts = recorder.finish()["counts"]
    print(f"E5 attribution: {counts.get('right', 0)} of {SHELLS} right")
    print(f"E5 droppers: {counts.get('dropped and hashed', 0)} of {len(digests)} hashed")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--seconds", type=float, default=5, help="of each load (targets: 20)")
    parser.add_argument("--rounds", type=int, default=3, help="rounds per median (targets: 5)")
    options = parser.parse_args()
    if os.geteuid() != 0:
        sys.exit("needs root")
    workshop = Workshop()
    try:
        measure_losses(workshop, options.seconds)
        measure_cpu(workshop, options.seconds, options.rounds)
        measure_ordinary(workshop, options.seconds, options.rounds)
        measure_slowdown(workshop, options.rounds)
        measure_storm(workshop)
    finally:
        workshop.remove()


if __name__ == "__main__":
    main()
