"""What an endpoint's last report says about it."""

from __future__ import annotations

from typing import Any

import pytest

from console.endpoints.models import Endpoint
from console.endpoints.standing import Health, health_of


def reported(*states: str, lost: int = 0, problems: list[str] | None = None) -> Endpoint:
    """Make an endpoint whose sources are in these states."""
    report: dict[str, Any] = {
        "sources": [
            {"name": f"source-{number}", "state": state} for number, state in enumerate(states)
        ],
        "counters": {"process": {"seen": 9, "filtered": 0, "recorded": 9 - lost, "lost": lost}},
        "problems": problems or [],
    }
    return Endpoint(status=report)


class TestHealth:
    def test_is_blind_when_no_source_sees_anything(self) -> None:
        endpoint = reported("failed", "absent", problems=["No event source works."])

        health = health_of(endpoint)

        assert health == Health("Blind", "alarm", ("No event source works.",))

    def test_is_blind_without_any_source(self) -> None:
        assert health_of(reported()).text == "Blind"

    def test_is_not_blind_when_every_source_lost_an_event(self) -> None:
        health = health_of(reported("degraded", "degraded", lost=2))

        assert (health.text, health.tone) == ("Attention needed", "warn")
        assert health.problems == ("2 events were lost since the agent started.",)

    def test_is_not_blind_when_only_the_clock_was_moved(self) -> None:
        health = health_of(reported("running", "running", problems=["The clock was moved."]))

        assert health == Health("Attention needed", "warn", ("The clock was moved.",))

    def test_is_nominal_when_nothing_is_wrong(self) -> None:
        assert health_of(reported("running", "absent")).text == "Nominal"

    @pytest.mark.parametrize("status", [{}, None, [], "text"])
    def test_is_unknown_before_a_report(self, status: Any) -> None:
        assert health_of(Endpoint(status=status)).text == "No report yet"
