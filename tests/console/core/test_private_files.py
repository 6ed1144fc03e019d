from __future__ import annotations

import stat
import threading
from pathlib import Path

import pytest

from console.core.private_files import is_private, locked_directory, write_private_file


class TestWriting:
    def test_makes_file_and_folder_for_the_owner_only(self, tmp_path: Path) -> None:
        path = tmp_path / "data" / "keys" / "a.key"

        write_private_file(path, b"secret")

        assert path.read_bytes() == b"secret"
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert is_private(path)
        assert is_private(path.parent)
        assert is_private(path.parent.parent)

    def test_replaces_the_content_at_once(self, tmp_path: Path) -> None:
        path = tmp_path / "a.key"
        path.write_bytes(b"old")
        path.chmod(0o644)

        with path.open("rb") as reader:
            write_private_file(path, b"new")
            assert reader.read() == b"old"

        assert path.read_bytes() == b"new"
        assert is_private(path)
        assert list(tmp_path.iterdir()) == [path]

    def test_leaves_the_old_content_when_it_cannot_be_replaced(self, tmp_path: Path) -> None:
        path = tmp_path / "a.key"
        path.mkdir()

        with pytest.raises(OSError, match="directory"):
            write_private_file(path, b"new")

        assert list(tmp_path.iterdir()) == [path]


class TestLock:
    def test_lets_one_in_at_a_time(self, tmp_path: Path) -> None:
        order: list[str] = []
        entered = threading.Event()

        def second() -> None:
            entered.set()
            with locked_directory(tmp_path):
                order.append("second")

        thread = threading.Thread(target=second)
        with locked_directory(tmp_path):
            thread.start()
            entered.wait(timeout=30)
            thread.join(timeout=0.05)
            order.append("first")
        thread.join(timeout=30)

        assert order == ["first", "second"]
