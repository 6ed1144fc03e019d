"""What dies, fills up, locks or jumps while alerts keep arriving: nothing lost, nothing doubled."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.conftest import IN_CI
from tests.e2e.attacks import Attack
from tests.e2e.browser_socket import LiveTopic
from tests.e2e.conftest import UNTHROTTLED
from tests.e2e.console import Agent, Console, eventually, running_console
from tests.e2e.kernel import bpf_objects_of, existing_bpf_objects
from tests.e2e.network import Host

pytestmark = [
    pytest.mark.root,
    pytest.mark.slow,
    pytest.mark.timeout(300),
]

HOUR = "+3600s"


@pytest.fixture
def attack(console: Console, agent: Agent, tmp_path: Path) -> Attack:
    return Attack(console, agent, tmp_path).prepare()


def wait_until_healthy(console: Console) -> None:
    eventually(lambda: console.health().status == 200, within=60, what="health")


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Path]:
    """Mount a disk of this size."""
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def fill(disk: Path) -> Path:
    """Take all the room that is left, to the last byte; return what takes it."""
    ballast = disk / "ballast"
    with ballast.open("ab", buffering=0) as file:
        for size in (1024 * 1024, 4096, 1):
            try:
                while file.write(b"\0" * size) == size:
                    pass
            except OSError:
                continue
    return ballast


class TestAlertsThatArriveMeanwhile:
    @pytest.mark.parametrize("program", ["console.gateway.server", "ingest", "valkey-server"])
    def test_survive_the_death_of(self, console: Console, attack: Attack, program: str) -> None:
        victim = console.program(program)
        burst = attack.begin(0, 120)
        eventually(attack.found, within=20, what="the first alert")

        victim.kill()

        assert burst.wait(60) == 0
        attack.expect(120)
        wait_until_healthy(console)
        assert console.program(program).pid != victim.pid

    def test_survive_a_locked_database(self, console: Console, attack: Attack) -> None:
        with closing(sqlite3.connect(console.data / "console.sqlite3")) as database:
            database.isolation_level = None
            database.execute("BEGIN IMMEDIATE")
            attack.run(0, 60)
            assert attack.found().total() == 0
            database.execute("ROLLBACK")

        attack.expect(60)

    def test_survive_a_full_disk_of_the_console(self, hosts: list[Host], tmp_path: Path) -> None:
        with (
            small_disk(tmp_path / "disk", "96m") as disk,
            running_console(hosts[3], disk / "data") as console,
        ):
            agent = console.joined_agent(hosts[1], tmp_path / "endpoint", UNTHROTTLED)
            agent.start()
            try:
                console.wait_for(agent)
                attack = Attack(console, agent, tmp_path).prepare()
                attack.run(0, 20)
                attack.expect(20)

                ballast = fill(disk)
                attack.run(20, 60)
                # The endpoint keeps what the console cannot take.
                eventually(
                    lambda: agent.status()["outbox_waiting"] > 0, within=20, what="waiting alerts"
                )
                ballast.unlink()

                attack.expect(60, within=90)
                wait_until_healthy(console)
                assert agent.status()["report"]["outbox_dropped"] == 0
            finally:
                agent.stop()

    def test_survive_a_clock_that_jumps(
        self, hosts: list[Host], console: Console, tmp_path: Path
    ) -> None:
        offset = tmp_path / "offset"
        offset.write_text("+0s")
        agent = console.joined_agent(hosts[1], tmp_path / "endpoint", UNTHROTTLED)
        agent.environment = clock_moved_by(offset)
        agent.start()
        try:
            console.wait_for(agent)
            eventually(agent.records, within=30, what="the recorder's start")

            for number, jump in enumerate([HOUR, HOUR.replace("+", "-")]):
                offset.write_text(jump)
                moved_at = agent.status()["report"]["sent_at"] / 1_000_000
                assert 3000 < abs(moved_at - time.time()) < 4200
                # A signed instruction that is neither too old nor from the future.
                attack = Attack(console, agent, tmp_path).prepare()
                attack.run(0, 10)
                attack.expect(10)
                assert console.is_online(agent), number
        finally:
            agent.stop()


def clock_moved_by(offset: Path) -> dict[str, str]:
    """Return the environment of a program whose wall clock follows a file."""
    libraries = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
    if not libraries:
        reason = "faketime is not installed: ./vedette test installs it as root"
        if IN_CI:
            pytest.fail(reason)
        pytest.skip(reason)
    return {
        "LD_PRELOAD": str(libraries[0]),
        "FAKETIME_TIMESTAMP_FILE": str(offset),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }


def test_a_program_that_hangs_is_named_by_the_health_page(console: Console) -> None:
    ingester = console.program("ingest")
    wait_until_healthy(console)

    ingester.send_signal(signal.SIGSTOP)
    try:
        eventually(lambda: console.health().status == 503, within=20, what="the bad news")
        programs = console.health().body["programs"]
    finally:
        ingester.send_signal(signal.SIGCONT)

    assert programs["ingester"] == {"state": "down", "reason": "no report for 6 seconds"}
    assert programs["gateway"] == {"state": "up"}
    wait_until_healthy(console)


class TestAKilledAgent:
    def test_keeps_what_was_committed_and_leaves_nothing_in_the_kernel(
        self, console: Console, agent: Agent, attack: Attack
    ) -> None:
        attack.run(0, 30)
        attack.expect(30)
        first_life = recorded(console, agent, attack)
        assert first_life == set(range(30))
        assert agent.process is not None
        left = bpf_objects_of(agent.process.pid)
        assert left
        burst = attack.begin(30, 100)
        eventually(lambda: len(attack.found()) > 35, within=20, what="more alerts")

        agent.kill()

        assert burst.wait(60) == 0
        eventually(
            lambda: not left & existing_bpf_objects(), within=10, what="the kernel's cleaning up"
        )
        agent.start()
        console.wait_for(agent)
        eventually(agent.records, within=30, what="the recorder's start")
        attack.run(100, 110)
        eventually(
            lambda: set(attack.found()) >= {*range(36), *range(100, 110)},
            within=30,
            what="the alerts of both lives",
        )
        assert set(attack.found().values()) == {1}
        assert recorded(console, agent, attack) >= {*range(30), *range(100, 110)}
        assert agent.status()["report"]["problems"] == []


def recorded(console: Console, agent: Agent, attack: Attack) -> set[int]:
    """Return the processes of an attack that the endpoint's event store knows."""
    session = console.open_session(agent)
    search = f"process.command_line contains '{attack.marker}-'"
    rows = eventually(lambda: console.search(session, search), within=20, what="found events")
    console.api("POST", f"sessions/{session}/close/")
    return set(attack.numbers_in(rows))


def test_an_endpoint_with_a_full_disk_goes_on_detecting_and_says_so(
    console: Console, hosts: list[Host], tmp_path: Path
) -> None:
    with small_disk(tmp_path / "disk", "32m") as disk:
        settings = f"{UNTHROTTLED}[store]\nkeep_free_bytes = 0\n"
        agent = console.joined_agent(hosts[1], disk / "endpoint", settings)
        agent.start()
        try:
            console.wait_for(agent)
            attack = Attack(console, agent, tmp_path).prepare()
            ballast = fill(disk)

            attack.run(0, 20)

            attack.expect(20)
            eventually(
                lambda: "disk is full" in str(agent.status()["report"]["problems"]),
                within=20,
                what="the agent's saying so",
            )
            ballast.unlink()
            eventually(
                lambda: agent.status()["report"]["problems"] == [], within=20, what="the recovery"
            )
            attack.run(20, 30)
            attack.expect(30)
            assert recorded(console, agent, attack) >= set(range(20, 30))
        finally:
            agent.stop()


def test_an_idle_browser_socket_still_brings_news(console: Console, attack: Attack) -> None:
    # Longer than the five seconds after which an unconfigured Redis client gives a reader up.
    with LiveTopic(console, "alerts") as page:
        assert page.silence_lasts(6.5)

        attack.run(0, 1)

        assert page.next_message(within=10)["type"] == "news"
