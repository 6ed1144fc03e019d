"""Four hosts: a console on one, agents on two others, one spare. Made once per test run."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from tests.e2e.console import Agent, Console, eventually, running_console
from tests.e2e.network import Host, hosts_on_one_bridge

# Tests raise many alerts by one Signal, which an ordinary endpoint would hold back.
UNTHROTTLED = "[throttle]\nalerts = 100000\nwindow_seconds = 1\n"
LOG_TAIL = 4000


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show the ends of the programs' logs with a failure."""
    report = yield
    if report.failed:
        for log in _logs_of(item):
            text = log.read_text(errors="replace")[-LOG_TAIL:].strip()
            if text:
                report.sections.append((str(log), text))
    return report


def _logs_of(item: pytest.Item) -> Iterator[Path]:
    for value in getattr(item, "funcargs", {}).values():
        for found in value if isinstance(value, list) else [value]:
            if isinstance(found, Console):
                yield from [found.log, *sorted((found.data / "logs").glob("*.log"))]
            if isinstance(found, Agent):
                yield from [
                    log for log in (found.log, found.home / "log/agent.log") if log.exists()
                ]


@pytest.fixture(scope="session")
def hosts() -> Iterator[list[Host]]:
    with hosts_on_one_bridge("vdt", ["console", "one", "two", "spare"]) as hosts:
        yield hosts


@pytest.fixture(scope="session")
def console(hosts: list[Host], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    with running_console(hosts[0], tmp_path_factory.mktemp("console") / "data") as console:
        yield console


@pytest.fixture
def agents(hosts: list[Host], console: Console, tmp_path: Path) -> Iterator[list[Agent]]:
    """Two agents that have joined and run."""
    agents: list[Agent] = []
    try:
        for host in hosts[1:3]:
            agents.append(console.joined_agent(host, tmp_path / host.name))
            agents[-1].start()
        yield agents
    finally:
        for agent in agents:
            agent.stop()


@pytest.fixture
def agent(hosts: list[Host], console: Console, tmp_path: Path) -> Iterator[Agent]:
    """One agent that has joined, runs, is online, records, and does not throttle its alerts."""
    agent = console.joined_agent(hosts[1], tmp_path / "endpoint", UNTHROTTLED)
    agent.start()
    try:
        console.wait_for(agent)
        eventually(agent.records, within=30, what="the recorder's start")
        yield agent
    finally:
        agent.stop()
