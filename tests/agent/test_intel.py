"""Deployed rules: compiled, kept, and never all lost for the sake of one."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

import pytest

from agent.exceptions import SettingsInvalid
from agent.intel import Intel
from protocol.instructions import ApplyIntel, SignalRule
from tests.agent.recorded import started


def rule(definition: str, *, name: str = "Rule", platforms: tuple[str, ...] = ()) -> SignalRule:
    return SignalRule(
        intel_id=uuid4(),
        revision=3,
        name=name,
        definition=definition,
        platforms=list(platforms),
    )


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "deployed.msgpack"


@pytest.fixture
def intel(file: Path) -> Intel:
    return Intel(intel_file=file, platform="linux")


class TestIntel:
    async def test_evaluates_what_was_deployed(self, intel: Intel) -> None:
        deployed = rule("process.command_line contains evil")
        await intel.apply(ApplyIntel(revision=7, signals=[deployed]))

        found = intel.evaluate([started("/bin/echo", "fine"), started("/bin/echo", "EVIL")])

        assert [(position, matched.intel_id) for position, _, matched in found] == [
            (1, deployed.intel_id)
        ]
        assert intel.deployed.revision == 7

    async def test_is_there_again_after_a_restart(self, intel: Intel, file: Path) -> None:
        await intel.apply(
            ApplyIntel(revision=7, signals=[rule("process.command_line contains evil")])
        )

        again = Intel(intel_file=file, platform="linux")
        again.load()

        assert again.deployed.revision == 7
        assert again.evaluate([started("/bin/evil")])

    async def test_reports_a_rule_that_does_not_compile_and_keeps_the_others(
        self, intel: Intel
    ) -> None:
        good = rule("process.command_line contains evil")
        broken = rule("process.nonsense is 1", name="Broken\x1b[2J")
        foreign = rule("registry.key_path contains run", name="Registry")

        summary = await intel.apply(ApplyIntel(revision=1, signals=[broken, good, foreign]))

        assert summary == "revision 1: 1 Signals are evaluated, 2 cannot be"
        assert len(intel.problems()) == 2
        assert all(problem.isprintable() for problem in intel.problems())
        assert intel.evaluate([started("/bin/evil")])

    async def test_passes_over_rules_of_other_platforms_in_silence(self, intel: Intel) -> None:
        foreign = rule("registry.key_path contains run", platforms=("windows",))

        await intel.apply(ApplyIntel(revision=1, signals=[foreign]))

        assert intel.problems() == []
        assert intel.deployed.size == 0

    async def test_names_only_the_first_of_many_broken_rules(self, intel: Intel) -> None:
        broken = [rule("(" * 1000, name=f"Rule {number}") for number in range(30)]

        await intel.apply(ApplyIntel(revision=1, signals=broken))

        assert len(intel.problems()) == 11
        assert "20 more" in intel.problems()[-1]

    async def test_keeps_the_old_rules_when_the_disk_takes_no_new_ones(
        self, intel: Intel, file: Path
    ) -> None:
        await intel.apply(
            ApplyIntel(revision=1, signals=[rule("process.command_line contains evil")])
        )
        file.with_name(f".{file.name}.new").mkdir()

        with pytest.raises(SettingsInvalid, match="on disk"):
            await intel.apply(ApplyIntel(revision=2, signals=[]))

        assert intel.deployed.revision == 1

    def test_starts_without_rules_when_the_file_is_damaged(self, intel: Intel, file: Path) -> None:
        file.write_bytes(b"\xc1garbage")

        intel.load()

        assert intel.deployed.revision == 0
        assert "unreadable" in intel.problems()[0]
