"""Targets E7 and E8: writing to the event store and searching it.

E7 writes a mix of events (20 % processes, 65 % files, 12 % network, 3 % DNS) three ways in turn:
into the encrypted store, into the same store without encryption, and, as the named comparison,
into one plain wide table with the `.import` of the sqlite3 command line. E8 searches and prunes a
large encrypted store. Every figure is the median of the rounds; the ways alternate, so that other
load on the machine falls on all of them.

    python benchmarks/eventstore.py --events 1000000
"""

from __future__ import annotations

import argparse
import csv
import random
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from eventstore.search import EventSearch, search_from_text
from eventstore.store import EventStore
from protocol.events import (
    DnsEvent,
    Event,
    FileEvent,
    NetworkEvent,
    Process,
    ProcessStarted,
    ancestors_below,
    process_key,
)

KEY = b"a benchmark's key, 32 bytes long"
START = 1_767_225_600_000_000  # 2026-01-01T00:00:00Z
BATCH = 2_000
PROGRAMS = ("bash", "sh", "python3", "perl", "cat", "grep", "sed", "awk", "find", "curl")
IMAGES = [f"/usr/bin/{name}" for name in PROGRAMS]
ARGUMENTS = (
    "-c",
    "--verbose",
    "-la",
    "/etc/passwd",
    "/var/log/syslog",
    "-o",
    "out.txt",
    "https://example.invalid/a",
    "--config=/etc/app/main.yml",
    "run",
    "nginx.service",
    "/srv/build",
    "http.server",
    "8080",
    "--amend",
)
FOLDERS = ("/var/log", "/home/alice/src/project", "/srv", "/var/lib/app/data", "/opt/svc/current")
USERS = ["root", "alice", "bob", "www-data"]


def make_events(count: int, seed: int = 1) -> Iterator[Event]:
    """Yield the mix, about 50 events per second of recorded time.

    Half of the file events touch a file that was created shortly before, as on a real computer.
    """
    draw = random.Random(seed)  # noqa: S311 -- a workload, not a secret
    at = START
    processes = [_process(draw, at, None)]
    files: list[str] = []
    for _ in range(count):
        at += int(draw.expovariate(50) * 1_000_000)
        process = processes[-1 - draw.randrange(min(len(processes), 200))]
        share = draw.random()
        if share < 0.20:
            parent = process if len(process.ancestors) < 4 else processes[0]
            processes.append(_process(draw, at, parent))
            del processes[1:-1000]
            yield ProcessStarted(at=at, process=processes[-1])
        elif share < 0.85:
            if files and draw.random() < 0.5:
                path = files.pop(-1 - draw.randrange(min(len(files), 1_000)))
                operation = draw.choice(("write", "delete"))
            else:
                name = f"f{draw.getrandbits(28):x}.{draw.choice(('log', 'tmp', 'py', 'json'))}"
                path = f"{draw.choice(FOLDERS)}/{name}"
                files.append(path)
                operation = "create"
            yield FileEvent(at=at, process=process, operation=operation, path=path)
        elif share < 0.97:
            address = f"10.{draw.randrange(4)}.{draw.randrange(256)}.{draw.randrange(256)}"
            yield NetworkEvent(
                at=at,
                process=process,
                operation=draw.choice(("connect", "accept")),
                protocol="tcp",
                local_address="10.9.8.7",
                local_port=draw.randrange(1024, 65535),
                address=address,
                port=draw.choice((443, 80, 22, 5432)),
            )
        else:
            query = f"host{draw.randrange(1000)}.example{draw.randrange(50)}.invalid"
            yield DnsEvent(at=at, process=process, query=query, record_type="A")


def _process(draw: random.Random, at: int, parent: Process | None) -> Process:
    image = draw.choice(IMAGES)
    arguments = draw.choices(ARGUMENTS, k=draw.randrange(1, 7))
    arguments = [image.rpartition("/")[2], *arguments, f"{draw.getrandbits(40):x}"]
    pid = draw.randrange(2, 65_000)
    return Process(
        key=process_key(pid, at),
        pid=pid,
        started_at=at,
        path=image,
        arguments=tuple(arguments),
        arguments_length=sum(map(len, arguments)) + len(arguments),
        cwd=draw.choice(FOLDERS),
        user=draw.choice(USERS),
        user_id=0,
        group_id=0,
        ancestors=ancestors_below(parent),
        sha256=f"{hash(image) & 0xFFFFFFFF:064x}",
    )


class Cost:
    """Wall and processor time of a block, in seconds."""

    def __enter__(self) -> Cost:
        self._wall, self._cpu = time.perf_counter(), _cpu()
        return self

    def __exit__(self, *_unused: object) -> None:
        self.wall = time.perf_counter() - self._wall
        self.cpu = _cpu() - self._cpu


def _cpu() -> float:
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def write_store(folder: Path, events: list[Event], cipher: str | None) -> tuple[Cost, int]:
    """Write the events in batches into a new store; return the cost and the bytes of the file."""
    path = folder / f"{cipher}.db"
    store = EventStore.open(path, key=KEY, cipher=cipher)
    with Cost() as cost:
        for start in range(0, len(events), BATCH):
            store.append(events[start : start + BATCH])
        store.close()
    size = path.stat().st_size
    path.unlink()
    return cost, size


def import_csv(folder: Path, source: Path) -> tuple[Cost, int]:
    """Load the same events as text into one wide table with the sqlite3 command line."""
    path = folder / "import.db"
    script = (
        "PRAGMA journal_mode=wal; PRAGMA synchronous=normal;\n"
        "CREATE TABLE event(id INTEGER PRIMARY KEY, at INT, kind TEXT, pid INT, path TEXT, "
        "user TEXT, command_line TEXT, parent TEXT, a TEXT, b TEXT, c TEXT, d TEXT);\n"
        f".mode csv\n.import {source} event\n"
    )
    with Cost() as cost:
        subprocess.run(
            ["sqlite3", str(path)], input=script, text=True, check=True, stdout=subprocess.DEVNULL
        )
    size = path.stat().st_size
    path.unlink()
    return cost, size


def write_csv(target: Path, events: list[Event]) -> None:
    """Write what the store keeps as one wide row per event."""
    with target.open("w", newline="") as file:
        rows = csv.writer(file)
        for number, event in enumerate(events, 1):
            by = event.process
            assert by is not None
            command_line = by.command_line if isinstance(event, ProcessStarted) else ""
            parent = by.parent.path if by.parent and command_line else ""
            own = [str(getattr(event, name, "")) for name in _WIDE]
            kind = type(event).__name__
            rows.writerow(
                [number, event.at, kind, by.pid, by.path, by.user, command_line, parent, *own]
            )


_WIDE = ("operation", "path", "address", "port")


def measure_writing(folder: Path, events: list[Event], rounds: int) -> None:
    """Print the table of E7."""
    source = folder / "events.csv"
    write_csv(source, events)
    ways: dict[str, Callable[[], tuple[Cost, int]]] = {
        "event store, aes128cbc": lambda: write_store(folder, events, "aes128cbc"),
        "event store, aegis": lambda: write_store(folder, events, "aegis"),
        "event store, plain": lambda: write_store(folder, events, None),
        "sqlite3 .import, plain": lambda: import_csv(folder, source),
    }
    if shutil.which("sqlite3") is None:
        sys.exit("the comparison needs the sqlite3 command line (Debian package sqlite3)")
    results: dict[str, list[tuple[Cost, int]]] = {way: [] for way in ways}
    for _ in range(rounds):
        for way, run in ways.items():
            results[way].append(run())
    source.unlink()
    count = len(events)
    print(f"E7  writing {count:,} events, median of {rounds}")
    print(f"{'':28}{'events/s':>12}{'CPU us/event':>14}{'bytes/event':>13}")
    cpu: dict[str, float] = {}
    for way, measured in results.items():
        wall = statistics.median(cost.wall for cost, _ in measured)
        cpu[way] = statistics.median(cost.cpu for cost, _ in measured)
        size = measured[-1][1]
        print(f"{way:28}{count / wall:12,.0f}{cpu[way] / count * 1e6:14.2f}{size / count:13.1f}")
    encrypted = cpu["event store, aes128cbc"]
    print(f"CPU encrypted : plain store   {encrypted / cpu['event store, plain']:.2f}")
    print(f"CPU encrypted : .import       {encrypted / cpu['sqlite3 .import, plain']:.2f}")


QUERIES = (
    ("newest 100 of everything", "", 100),
    ("newest 100 of a program", "process.path ends with '/curl'", 100),
    ("newest 100 of a port", "network.port is 5432 AND process.user is alice", 100),
    ("count, file path contains", "file.path contains 'f1ab'", None),
    ("count, path over folders", "file.path contains 'project/f1a'", None),
    ("count, command line contains", "process.command_line contains 'passwd --amend'", None),
    ("count, address in network", "network.address in cidr 10.1.2.0/24", None),
    ("count, file path matches", "file.path matches '.*/f1[ab].*'", None),
)


def measure_searching(folder: Path, count: int, rounds: int) -> None:
    """Print the table of E8."""
    path = folder / "large.db"
    with EventStore.open(path, key=KEY) as store:
        batch: list[Event] = []
        for event in make_events(count):
            batch.append(event)
            if len(batch) == BATCH:
                store.append(batch)
                batch = []
        store.append(batch)
    with EventStore.open(path, key=KEY) as store:
        print(f"E8  {count:,} events, {path.stat().st_size / 1e6:,.0f} MB, median of {rounds}")
        print(f"{'':32}{'ms':>10}{'longest step':>14}{'rows':>12}")
        for name, text, wanted in QUERIES:
            runs = [search_once(store, text, wanted) for _ in range(rounds)]
            spent = statistics.median(run[0] for run in runs)
            longest = statistics.median(run[1] for run in runs)
            print(f"{name:32}{spent * 1e3:10.1f}{longest * 1e3:14.1f}{runs[0][2]:12,}")
        stalls = [prune_once(store) for _ in range(rounds)]
    print(f"prune a twentieth: longest stall {statistics.median(stalls) * 1e3:.1f} ms")


def search_once(store: EventStore, text: str, wanted: int | None) -> tuple[float, float, int]:
    """Search until enough is found; return seconds, the longest step and the rows found."""
    longest = 0.0
    began = time.perf_counter()
    with EventSearch(store, search_from_text(text)) as search:
        while not search.complete and (wanted is None or search.total < wanted):
            step = time.perf_counter()
            search.step(1)
            longest = max(longest, time.perf_counter() - step)
        search.rows(0, wanted or 0)
        return time.perf_counter() - began, longest, search.total


def prune_once(store: EventStore) -> float:
    """Make the store a twentieth smaller; return the longest piece in seconds."""
    limit = int(store.path.stat().st_size * 0.95)
    longest = 0.0
    more = True
    while more:
        began = time.perf_counter()
        more = store.prune(max_bytes=limit).more
        longest = max(longest, time.perf_counter() - began)
    return longest


def main() -> None:
    """Measure and print both tables."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--events", type=int, default=1_000_000, help="events to search (E8)")
    arguments.add_argument("--written", type=int, default=300_000, help="events to write (E7)")
    arguments.add_argument("--rounds", type=int, default=5)
    chosen = arguments.parse_args()
    with tempfile.TemporaryDirectory() as name:
        measure_writing(Path(name), list(make_events(chosen.written)), chosen.rounds)
        print()
        measure_searching(Path(name), chosen.events, chosen.rounds)


if __name__ == "__main__":
    main()
