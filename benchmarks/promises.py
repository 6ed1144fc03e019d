"""What is promised in seconds: a row in an open grid, the cut of the revoked, a pulled cable.

The whole console and an agent on hosts of their own (network namespaces, so it needs root), and
Chromium, whose drawing is in the first figure. Promised: 2 s from a program's start to its row, 5 s
from a revocation to the end of every connection, 10 s from a pulled cable to "offline".

    python -m benchmarks.promises [--rounds 30] [--cuts 5] [--pulls 3]
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from tests.e2e.browser import logged_in_page, watch_live
from tests.e2e.console import Agent, Console, eventually, running_console
from tests.e2e.network import Host, hosts_on_one_bridge

MARKER = "row-promised"
# Between two programs, in seconds: no two share a tick of the recorder by design.
GAP = 0.37


def main() -> None:
    """Measure each promise on a console that does nothing else."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--cuts", type=int, default=5)
    parser.add_argument("--pulls", type=int, default=3)
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="vedette-seconds-") as folder,
        hosts_on_one_bridge("vdb", ["console", "one"]) as hosts,
        running_console(hosts[0], Path(folder) / "data") as console,
    ):
        agent = started(console, hosts[1], Path(folder) / "endpoint")
        show("row in an open grid", 2, rows_shown(console, agent, Path(folder), options.rounds))
        show("pulled cable", 10, [cable_pulled(console, agent) for _ in range(options.pulls)])
        console.wait_for(agent, within=60)
        agent.stop()
        homes = [Path(folder) / f"revoked-{number}" for number in range(options.cuts)]
        show("cut after a revocation", 5, [cut_off(console, hosts[1], home) for home in homes])


def show(what: str, promised: float, seconds: Sequence[float]) -> None:
    """Print the median and the worst beside what is promised."""
    print(
        f"{what}: median {statistics.median(seconds):.2f} s, worst {max(seconds):.2f} s of "
        f"{len(seconds)} (promised: {promised:g} s)",
        flush=True,
    )


def started(console: Console, host: Host, home: Path) -> Agent:
    """Let an agent join, run and record."""
    agent = console.joined_agent(host, home)
    agent.start()
    console.wait_for(agent)
    eventually(agent.records, within=60, what="the recorder's start")
    return agent


def rows_shown(console: Console, agent: Agent, folder: Path, rounds: int) -> list[float]:
    """Return the seconds from the start of each program to its row."""
    seconds = []
    with logged_in_page(console, folder) as page:
        watch_live(page, console, agent, f"process.command_line contains '{MARKER}'")
        for number in range(rounds):
            began = time.monotonic()
            agent.host.run("/bin/echo", f"{MARKER}-{number:04}")
            row = page.locator("#grid .slick-row", has_text=f"{MARKER}-{number:04}")
            row.first.wait_for()
            seconds.append(time.monotonic() - began)
            page.wait_for_timeout(GAP * 1000)
    return seconds


def cable_pulled(console: Console, agent: Agent) -> float:
    """Return the seconds from the pull to "offline", and plug the cable in again."""
    eventually(lambda: console.is_online(agent), within=60, what="coming online")
    began = time.monotonic()
    agent.host.pull_cable()
    try:
        eventually(lambda: not console.is_online(agent), within=60, what="going offline")
        return time.monotonic() - began
    finally:
        agent.host.plug_cable_in()


def cut_off(console: Console, host: Host, home: Path) -> float:
    """Return the seconds from a revocation to the end of the last connection."""
    agent = started(console, host, home)
    session = console.open_session(agent)
    path = f"sessions/{session}/"
    eventually(
        lambda: console.api("GET", path).body["state"] == "OPEN", within=60, what="the session"
    )
    began = time.monotonic()
    console.api("POST", f"endpoints/{agent.endpoint_id}/revoke/", {"reason": "measured"})
    eventually(
        lambda: not console.connections_of(host), within=60, what="the cut of all connections"
    )
    seconds = time.monotonic() - began
    agent.stop()
    return seconds


if __name__ == "__main__":
    main()
