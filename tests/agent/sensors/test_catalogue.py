"""What is promised is there: every definition has its function, and the other way round."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from agent.machine import this_platform
from agent.sensors.table import FUNCTIONS
from sensors.catalogue import BUILT_IN
from sensors.definitions import (
    JOB_COLUMNS,
    JOB_PARAMETER,
    LINUX,
    RESULTS_SUFFIX,
    Cost,
    SensorDefinition,
)
from tests.agent.sensors.truths import TRUTHS


class TestTable:
    def test_has_a_function_for_every_definition_of_this_platform(self) -> None:
        promised = {key for key, one in BUILT_IN.items() if this_platform() in one.platforms}

        assert set(FUNCTIONS) == promised


class TestTruths:
    def test_has_one_for_every_sensor_of_this_platform(self) -> None:
        promised = {key for key, one in BUILT_IN.items() if LINUX in one.platforms}

        assert TRUTHS.keys() == promised

    @pytest.mark.parametrize("key", TRUTHS)
    def test_is_that_of_a_test_which_is_there(self, key: str) -> None:
        file, group, name = TRUTHS[key].test.split("::")
        text = (Path(__file__).parent / file).read_text()

        groups = {one.name: one for one in ast.parse(text).body if isinstance(one, ast.ClassDef)}
        names = [getattr(one, "name", "") for one in groups[group].body]
        assert name in names
        assert re.search(rf"(?<!\w){re.escape(TRUTHS[key].truth)}", text)
        # What a job found is read in the same way for every sensor.
        assert f'"{key}"' in text or key.endswith(RESULTS_SUFFIX)


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
