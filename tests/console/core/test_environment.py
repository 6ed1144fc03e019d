from __future__ import annotations

from pathlib import Path

import pytest

from console.core.environment import Environment


def read(**variables: str) -> Environment:
    return Environment(variables)


class TestNumbers:
    @pytest.mark.parametrize(("text", "number"), [("", 5), ("7", 7), (" 8 ", 8)])
    def test_are_read_and_empty_is_the_default(self, text: str, number: int) -> None:
        environment = read(KEPT=text)

        assert environment.number("KEPT", 5, lowest=1) == number
        assert environment.wrong == []

    @pytest.mark.parametrize("text", ["abc", "0", "-1", "1.5", "9" * 5000, "1000001"])
    def test_that_are_wrong_are_remembered(self, text: str) -> None:
        environment = read(KEPT=text)

        environment.number("KEPT", 5, lowest=1)

        [wrong] = environment.wrong
        assert (wrong.variable, wrong.check_id) == ("KEPT", "vedette.E009")
        assert len(wrong.problem) < 80


class TestSecrets:
    @pytest.mark.parametrize("name", ["DATABASE_URL", "REDIS_URL"])
    def test_may_stand_in_a_file(self, tmp_path: Path, name: str) -> None:
        (tmp_path / "url").write_text("redis://redis.example:6379/0\n")

        environment = read(**{name: "", f"{name}_FILE": str(tmp_path / "url")})

        assert environment.secret(name) == "redis://redis.example:6379/0"

    @pytest.mark.parametrize(
        ("content", "reason"),
        [(None, "No such file"), (b"\xff\xfe", "no text"), (b" \n", "is empty")],
    )
    def test_in_a_file_that_cannot_be_read_are_remembered(
        self, tmp_path: Path, content: bytes | None, reason: str
    ) -> None:
        if content is not None:
            (tmp_path / "url").write_bytes(content)
        environment = read(REDIS_URL_FILE=str(tmp_path / "url"))

        assert environment.secret("REDIS_URL") == ""

        [wrong] = environment.wrong
        assert wrong.check_id == "vedette.E010"
        assert reason in wrong.problem


class TestTheDatabase:
    def test_is_sqlite_where_nothing_is_said(self, tmp_path: Path) -> None:
        environment = read(DATABASE_URL="")

        settings = environment.database("DATABASE_URL", default_path=tmp_path / "file")

        assert settings["NAME"] == tmp_path / "file"

    @pytest.mark.parametrize(
        ("variables", "check_id"),
        [
            ({"DATABASE_URL": "mysql://db/vedette"}, "vedette.E011"),
            ({"DATABASE_URL_FILE": "/nowhere/url"}, "vedette.E010"),
        ],
    )
    def test_is_none_where_the_address_is_wrong(
        self, tmp_path: Path, variables: dict[str, str], check_id: str
    ) -> None:
        environment = read(**variables)

        settings = environment.database("DATABASE_URL", default_path=tmp_path / "file")

        assert settings == {"ENGINE": "django.db.backends.dummy"}
        assert [wrong.check_id for wrong in environment.wrong] == [check_id]
