from __future__ import annotations

import stat
from pathlib import Path

import pytest

from client.exceptions import WrongUsage
from client.logins import Login, Logins, config_directory, login_from

ONE = Login("https://one:8443", "token-1", "pem", "2030-01-01")
TWO = Login("https://two:8443", "token-2")


class TestLogins:
    def test_are_for_their_owner_only(self, tmp_path: Path) -> None:
        logins = Logins(tmp_path / "a" / "b")
        logins.keep(ONE)

        assert stat.S_IMODE(logins.path.stat().st_mode) == 0o600
        assert stat.S_IMODE(logins.path.parent.stat().st_mode) == 0o700
        assert list(logins.path.parent.iterdir()) == [logins.path]

    def test_come_back_the_last_one_first(self, tmp_path: Path) -> None:
        logins = Logins(tmp_path)
        logins.keep(ONE)
        logins.keep(TWO)

        assert (logins.find(), logins.find(ONE.console)) == (TWO, ONE)
        assert logins.find("https://three:8443") is None

    def test_can_be_forgotten(self, tmp_path: Path) -> None:
        logins = Logins(tmp_path)
        logins.keep(ONE)
        logins.forget(ONE.console)

        assert logins.find() is None

    @pytest.mark.parametrize("content", ["{", "[7]", '[{"console": "x"}]', "\udcff"])
    def test_that_cannot_be_read_are_named(self, tmp_path: Path, content: str) -> None:
        logins = Logins(tmp_path)
        logins.path.write_text(content, errors="surrogateescape")

        with pytest.raises(WrongUsage, match="remove it"):
            logins.find()


class TestLoginFrom:
    def test_prefers_what_was_given(self) -> None:
        assert login_from(ONE, token="other").token == "other"
        assert login_from(ONE).authority == "pem"

    @pytest.mark.parametrize(("stored", "console"), [(None, ""), (None, "https://one:8443")])
    def test_needs_a_console_and_a_token(self, stored: Login | None, console: str) -> None:
        with pytest.raises(WrongUsage):
            login_from(stored, console=console)


@pytest.mark.parametrize(
    ("environment", "directory"),
    [
        ({"VEDETTE_CONFIG": "/a", "XDG_CONFIG_HOME": "/b"}, Path("/a")),
        ({"XDG_CONFIG_HOME": "/b"}, Path("/b/vedette")),
        ({}, Path("~/.config/vedette").expanduser()),
    ],
)
def test_stand_where_the_environment_says(environment: dict[str, str], directory: Path) -> None:
    assert config_directory(environment) == directory
