"""The example of every sensor is a question that this agent's workers answer."""

from __future__ import annotations

import pytest

from agent.machine import this_platform
from protocol.instructions import AskQuestion
from sensors.calls import comparisons_in
from sensors.catalogue import BUILT_IN
from sensors.definitions import Cost, SensorDefinition
from sensors.language import parse_question
from tests.agent.sensors.asking import Asking, question

FAULT = "The sensor failed: "
IMMEDIATE = [one for one in BUILT_IN.values() if one.cost is not Cost.HEAVY]


@pytest.mark.parametrize("definition", BUILT_IN.values(), ids=BUILT_IN.keys())
def test_example_calls_its_sensor(definition: SensorDefinition) -> None:
    parsed = parse_question(definition.example, BUILT_IN.values())

    called = {selection.call.key for selection in parsed.selections}
    if parsed.filter is not None:
        called |= {comparison.call.key for comparison in comparisons_in(parsed.filter)}
    assert definition.key in called


@pytest.mark.slow
async def test_no_example_finds_a_fault(asking: Asking) -> None:
    faults = {}
    for definition in IMMEDIATE:
        parsed = parse_question(definition.example, BUILT_IN.values())
        asked: AskQuestion = question(filter=parsed.filter)
        asked.selections.extend(parsed.selections)
        parts = await asking.parts(asked)
        for failure in parts[0].failures:
            # What a computer lacks is said; a fault of ours looks different.
            if failure.reason.startswith(FAULT) or this_platform() not in definition.platforms:
                faults[definition.key] = failure.reason

    foreign = "There is no such sensor on "
    assert {key: why for key, why in faults.items() if not why.startswith(foreign)} == {}
