"""Three hosts: a console on one, agents on two. Made once per test run, removed at its end."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.console import Agent, Console, running_console
from tests.e2e.network import Host, hosts_on_one_bridge


@pytest.fixture(scope="session")
def hosts() -> Iterator[list[Host]]:
    with hosts_on_one_bridge("vdt", ["console", "one", "two"]) as hosts:
        yield hosts


@pytest.fixture(scope="session")
def console(hosts: list[Host], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    with running_console(hosts[0], tmp_path_factory.mktemp("console") / "data") as console:
        yield console


@pytest.fixture
def agents(hosts: list[Host], console: Console, tmp_path: Path) -> Iterator[list[Agent]]:
    """Two agents that have joined and run."""
    answer = console.api(
        "POST",
        "enrolment-tokens/",
        {"name": "end to end", "uses_allowed": 2},
    )
    agents = [Agent(host, tmp_path / host.name) for host in hosts[1:]]
    try:
        for agent in agents:
            known = {row["id"] for row in console.results("endpoints/")}
            joined = agent.enrol(console, answer.body["token"])
            assert joined.returncode == 0, joined.stderr
            [new] = [r["id"] for r in console.results("endpoints/") if r["id"] not in known]
            agent.endpoint_id = new
            agent.start()
        yield agents
    finally:
        for agent in agents:
            agent.stop()
