"""What can never match on an operating system is told, and nothing else."""

from __future__ import annotations

import pytest

from detection.signals.coverage import NOT_RECORDED, warnings_about
from detection.signals.parser import parse_signal
from detection.signals.properties import LINUX, MACOS, PROPERTIES, WINDOWS

HASH = "0" * 32


def warnings(text: str, *platforms: str) -> tuple[str, ...]:
    return warnings_about(parse_signal(text, platforms=platforms), platforms)


class TestWarnings:
    @pytest.mark.parametrize(
        ("text", "names"),
        [
            (f"file.hash is {HASH}", "file.hash is"),
            (f"process.name is sh AND file.hash is {HASH}", "file.hash is"),
            (
                "file.magic starts with MZ OR network.domain is x",
                "file.magic and network.domain are",
            ),
            ("NOT (dns.response is null)", "dns.response is"),
            ("image.path is not null AND image.path not contains '/lib'", "image.path is"),
        ],
    )
    def test_say_that_it_never_matches_and_why(self, text: str, names: str) -> None:
        expected = f"It can never match on Linux: {names} not recorded there."

        assert warnings(text, LINUX) == (expected,)

    def test_count_no_systems_as_all(self) -> None:
        assert warnings(f"file.hash is {HASH}") == warnings(f"file.hash is {HASH}", LINUX)

    def test_say_it_of_properties_that_the_system_does_not_have(self) -> None:
        found = warnings("process.company is Example", LINUX, WINDOWS)

        assert found == ("It can never match on Linux: what it asks for is not recorded there.",)

    def test_name_the_part_that_never_matches(self) -> None:
        found = warnings("file.path is /etc/shadow OR file.magic starts with MZ", LINUX)

        assert found == (
            "What needs file.magic never matches on Linux, where that is not recorded yet.",
        )

    @pytest.mark.parametrize(
        "text",
        [
            "process.name is curl AND network.port is 4444",
            # Absent makes a negation true, and `is null`.
            f"file.path starts with /tmp AND NOT file.hash is {HASH}",
            "network.port is 80 AND network.domain is null",
            "process.company is Example OR process.name is example",
        ],
    )
    def test_are_silent_about_what_can_match(self, text: str) -> None:
        assert warnings(text, LINUX, WINDOWS) == ()

    def test_are_silent_about_other_systems(self) -> None:
        assert warnings(f"file.hash is {HASH}", WINDOWS, MACOS) == ()


def test_names_only_properties_that_the_system_has() -> None:
    for platform, names in NOT_RECORDED.items():
        assert all(platform in PROPERTIES[name].platforms for name in names)
