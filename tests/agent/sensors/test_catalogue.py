"""What is promised is there: every definition has its function, and the other way round."""

from __future__ import annotations

import pytest

from agent.machine import this_platform
from agent.sensors.table import FUNCTIONS
from sensors.catalogue import BUILT_IN
from sensors.definitions import JOB_COLUMNS, JOB_PARAMETER, Cost, SensorDefinition


class TestTable:
    def test_has_a_function_for_every_definition_of_this_platform(self) -> None:
        promised = {key for key, one in BUILT_IN.items() if this_platform() in one.platforms}

        assert set(FUNCTIONS) == promised


@pytest.mark.parametrize("definition", BUILT_IN.values(), ids=BUILT_IN.keys())
class TestDefinition:
    def test_is_complete(self, definition: SensorDefinition) -> None:
        assert definition.description.endswith(".")
        assert definition.category
        assert definition.columns
        assert definition.name in definition.example

    def test_starts_a_job_when_it_is_heavy(self, definition: SensorDefinition) -> None:
        heavy = definition.cost is Cost.HEAVY

        assert bool(definition.result_columns) == heavy
        assert not heavy or definition.columns == JOB_COLUMNS
        assert not heavy or JOB_PARAMETER in definition.parameters
