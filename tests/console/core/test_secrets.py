from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from console.core.exceptions import Unavailable
from console.core.private_files import is_private
from console.core.secrets import read_or_create_secret, read_secret, url_without_secrets

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

    def test_say_which_key_file_cannot_be_made(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()

        with pytest.raises(Unavailable, match=r"file/keys/a.key cannot be used: Not a directory"):
            read_or_create_secret("a.key", keys_directory=tmp_path / "file/keys", environment=NAME)

    def test_say_which_key_file_is_damaged(self, tmp_path: Path) -> None:
        (tmp_path / "a.key").write_bytes(b"\xff\x00")

        with pytest.raises(Unavailable, match=r"a\.key is damaged; restore it"):
            read_or_create_secret("a.key", keys_directory=tmp_path, environment=NAME)

    def test_are_the_same_for_programs_that_start_together(self, tmp_path: Path) -> None:
        together = threading.Barrier(8)

        def read(_: int) -> str:
            together.wait()
            return read_or_create_secret("a.key", keys_directory=tmp_path, environment=NAME)

        with ThreadPoolExecutor(8) as pool:
            found = set(pool.map(read, range(8)))

        assert len(found) == 1
        assert len(found.pop()) >= 32
        assert [path.name for path in tmp_path.iterdir()] == ["a.key"]

    def test_never_show_as_an_empty_file(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def look_first(draft: Path, key_file: Path) -> None:
            assert not key_file.exists()
            assert len(draft.read_text(encoding="ascii")) >= 32
            key_file.write_text("another program's")
            raise FileExistsError

        monkeypatch.setattr("os.link", look_first)

        read = read_or_create_secret("a.key", keys_directory=tmp_path, environment=NAME)
        assert read == "another program's"


class TestUrlWithoutSecrets:
    @pytest.mark.parametrize(
        ("url", "shown"),
        [
            ("redis://:s3cret@redis.example:6379/0", "redis://redis.example:6379/0"),
            ("rediss://ada:s3cret@[2001:db8::1]/1", "rediss://[2001:db8::1]/1"),
            ("unix:///run/redis.sock?db=0&password=s3cret", "unix:///run/redis.sock"),
            ("redis://:s3cret@redis.example:many/0", "an address that cannot be read"),
            ("redis://[s3cret", "an address that cannot be read"),
        ],
    )
    def test_shows_where_and_not_with_what(self, url: str, shown: str) -> None:
        assert url_without_secrets(url) == shown
