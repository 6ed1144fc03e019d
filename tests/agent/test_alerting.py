"""Alerts: complete, throttled, and never lost to a hostile process's own name."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from random import SystemRandom

import pytest

from agent.alerting import Alerting
from agent.delivery import Delivery
from agent.intel import Intel
from agent.outbox import Outbox
from agent.throttle import AlertThrottle, Window
from protocol.events import Ancestor
from protocol.instructions import ApplyIntel
from protocol.messages import AlertRaised
from tests.agent.recorded import file_written, started
from tests.agent.test_intel import rule

EVIL = rule("process.command_line contains 'evil'", name="Evil command")


class Desk:
    """Alerting with an outbox and a clock of its own."""

    def __init__(self, folder: Path) -> None:
        self.now = 0.0
        self.outbox = Outbox(folder / "outbox.db", key=bytes(32), max_bytes=1 << 24)
        self.intel = Intel(intel_file=folder / "deployed.msgpack", platform="linux")
        self.alerting = Alerting(
            intel=self.intel,
            throttle=AlertThrottle(Window()),
            outbox=self.outbox,
            delivery=Delivery(self.outbox, random=SystemRandom()),
            now=lambda: self.now,
        )

    @property
    def alerts(self) -> list[AlertRaised]:
        messages = [entry.message for entry in self.outbox.after(0, limit=1000)]
        return [message for message in messages if isinstance(message, AlertRaised)]


@pytest.fixture
async def desk(tmp_path: Path) -> Desk:
    made = Desk(tmp_path)
    await made.intel.apply(ApplyIntel(revision=1, signals=[EVIL]))
    return made


@pytest.fixture(autouse=True)
def _closed(desk: Desk) -> Iterator[None]:
    yield
    desk.outbox.close()


class TestAlerting:
    async def test_names_rule_event_process_ancestry_and_terms(self, desk: Desk) -> None:
        event = started("/bin/echo", "evil")

        desk.alerting.take([started("/bin/echo", "fine"), event])

        (alert,) = desk.alerts
        assert (alert.intel_id, alert.intel_revision) == (EVIL.intel_id, 3)
        assert alert.at == event.at
        assert alert.event == event
        assert alert.process is not None
        assert alert.process.ancestors[0].path == "/sbin/init"
        assert alert.matched[0].property == "process.command_line"
        assert alert.matched[0].found == "/bin/echo evil"

    async def test_is_silent_about_what_ran_before_the_agent(self, desk: Desk) -> None:
        before = started("/bin/echo", "evil")
        before.already_running = True

        desk.alerting.take([before])

        assert desk.alerts == []

    async def test_gives_every_alert_its_own_id(self, desk: Desk) -> None:
        desk.alerting.take([started("/bin/evil"), started("/bin/evil")])

        assert len({alert.id for alert in desk.alerts}) == 2

    async def test_never_alerts_about_the_agent_itself(self, desk: Desk) -> None:
        desk.alerting.take([started("/bin/evil", pid=os.getpid())])

        assert desk.alerts == []

    async def test_holds_back_what_is_too_much_and_says_so(self, desk: Desk) -> None:
        desk.alerting.take([started("/bin/evil") for _ in range(12)])

        assert len(desk.alerts) == 5
        assert desk.alerting.problems() == [
            "Signal 'Evil command' is noisy: 7 alerts were held back."
        ]
        desk.now = 300.0
        desk.alerting.take([started("/bin/evil")])
        assert len(desk.alerts) == 6

    async def test_is_silent_about_other_events(self, desk: Desk) -> None:
        desk.alerting.take([file_written("/srv/fine")])

        assert desk.alerts == []
        assert desk.alerting.problems() == []

    async def test_raises_alerts_however_much_a_process_stuffs_into_its_arguments(
        self, desk: Desk
    ) -> None:
        noise = "\\xff" * 100_000
        ancestors = tuple(Ancestor(n, n, "/bin/sh", noise) for n in range(8))

        desk.alerting.take([started("/bin/evil", noise, ancestors=ancestors)])

        (alert,) = desk.alerts
        assert alert.process is not None
        assert "evil" in alert.process.command_line
        assert len(alert.process.ancestors) == 8
