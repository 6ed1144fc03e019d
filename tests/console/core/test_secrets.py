from __future__ import annotations

from pathlib import Path

import pytest

from console.core.private_files import is_private
from console.core.secrets import read_or_create_secret, read_secret

NAME = "VEDETTE_TEST_SECRET"


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(NAME, raising=False)
    monkeypatch.delenv(f"{NAME}_FILE", raising=False)


class TestSecrets:
    def test_are_made_once_for_the_owner_only(self, tmp_path: Path) -> None:
        first = read_or_create_secret("a.key", keys_directory=tmp_path, environment=NAME)

        assert len(first) >= 32
        assert is_private(tmp_path / "a.key")
        again = read_or_create_secret("a.key", keys_directory=tmp_path, environment=NAME)
        assert again == first

    def test_come_from_the_environment_first(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "file").write_text("from the file\n")
        monkeypatch.setenv(f"{NAME}_FILE", str(tmp_path / "file"))
        assert read_secret(NAME) == "from the file"

        monkeypatch.setenv(NAME, "from the environment")
        assert read_secret(NAME) == "from the environment"

    def test_are_empty_where_nothing_is_said(self) -> None:
        assert read_secret(NAME) == ""
