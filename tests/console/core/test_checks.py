from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.checks import CheckMessage, registry
from django.utils.functional import SimpleLazyObject

from console.core import checks
from console.core.environment import Environment
from console.core.exceptions import Unavailable

Check = Callable[..., list[CheckMessage]]


def _ids(check: Check) -> list[str | None]:
    found = check(None)
    assert all(message.hint for message in found)
    return [message.id for message in found]


def test_the_settings_as_they_are_have_nothing_wrong() -> None:
    registered = registry.registry.get_checks()
    own = [check for check in registered if check.__module__ == checks.__name__]

    assert len(own) == 7
    assert [text for check in own for text in check(app_configs=None, databases=None)] == []


class TestWrongSettings:
    @pytest.mark.parametrize(
        ("check", "name", "value", "expected"),
        [
            (checks.check_names, "VEDETTE_NAMES", [], ["vedette.E001"]),
            (checks.check_names, "VEDETTE_NAMES", ["https://x"], ["vedette.E002"]),
            (checks.check_names, "VEDETTE_NAMES", ["a b", "-x.", "ä"], ["vedette.E002"] * 3),
            (checks.check_names, "VEDETTE_NAMES", ["a.example", "::1", "10.0.0.1"], []),
            (checks.check_ports, "VEDETTE_WEB_PORT", 0, ["vedette.E003"]),
            (checks.check_ports, "VEDETTE_WEB_PORT", 70_000, ["vedette.E003"]),
            (checks.check_ports, "VEDETTE_WEB_PORT", 17472, ["vedette.E004"]),
            (checks.check_redis, "REDIS_URL", "localhost:6379", ["vedette.E005"]),
            (checks.check_redis, "REDIS_URL", "redis://redis.example:many", ["vedette.E005"]),
            (checks.check_redis, "REDIS_URL", "rediss://redis.example:6379/0", []),
            (checks.check_trusted_proxies, "VEDETTE_TRUSTED_PROXIES", ["proxy"], ["vedette.E006"]),
            (
                checks.check_trusted_proxies,
                "VEDETTE_TRUSTED_PROXIES",
                ["0.0.0.0/0"],
                ["vedette.W001"],
            ),
            (checks.check_secret_key, "SECRET_KEY", "short", ["vedette.E007"]),
        ],
    )
    def test_are_found_with_a_hint(
        self, settings: Any, check: Check, name: str, value: object, expected: list[str]
    ) -> None:
        setattr(settings, name, value)

        assert _ids(check) == expected

    def test_that_could_not_be_used_are_found(self, settings: Any) -> None:
        environment = Environment({"VEDETTE_WEB_PORT": "abc", "DATABASE_URL": "mysql://db/x"})
        environment.number("VEDETTE_WEB_PORT", 8443)
        environment.database("DATABASE_URL", default_path=Path("unused"))
        settings.VEDETTE_WRONG_VALUES = environment.wrong

        assert _ids(checks.check_environment) == ["vedette.E009", "vedette.E011"]

    def test_include_a_secret_key_that_cannot_be_read(self, settings: Any) -> None:
        def refuse() -> str:
            raise Unavailable("the file /nowhere cannot be read")

        settings.SECRET_KEY = SimpleLazyObject(refuse)

        assert _ids(checks.check_secret_key) == ["vedette.E010"]

    def test_include_keys_that_others_may_read(self, settings: Any, tmp_path: Path) -> None:
        settings.KEYS_DIR = tmp_path / "keys"
        assert _ids(checks.check_keys_directory) == []

        settings.KEYS_DIR.mkdir(mode=0o700)
        (settings.KEYS_DIR / "authority.key").touch(mode=0o600)
        assert _ids(checks.check_keys_directory) == []

        (settings.KEYS_DIR / "authority.key").chmod(0o640)
        assert _ids(checks.check_keys_directory) == ["vedette.E008"]
