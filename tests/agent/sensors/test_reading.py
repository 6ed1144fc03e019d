"""Files that are none, or too much."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from agent.sensors.reading import link_at, links_in, names_in, read_start, text_at


class TestReadStart:
    def test_takes_no_more_than_it_may(self, tmp_path: Path) -> None:
        huge = tmp_path / "huge"
        huge.touch()
        os.truncate(huge, 1 << 40)

        assert read_start(huge, 1000) == bytes(1000)

    def test_does_not_wait_for_a_fifo(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "fifo")

        with pytest.raises(OSError, match="not a regular file"):
            read_start(tmp_path / "fifo")

    def test_reads_no_device(self) -> None:
        with pytest.raises(OSError, match="not a regular file"):
            read_start(Path("/dev/zero"))

    def test_follows_no_link_where_users_write(self, tmp_path: Path) -> None:
        (tmp_path / "link").symlink_to("/etc/passwd")

        with pytest.raises(OSError, match="symbolic links"):
            read_start(tmp_path / "link", follow=False)


class TestTextAt:
    def test_is_empty_for_what_cannot_be_read(self, tmp_path: Path) -> None:
        (tmp_path / "nowhere").symlink_to("missing")

        assert text_at(tmp_path / "nowhere") == ""
        assert text_at(tmp_path) == ""

    def test_shows_bytes_that_are_no_text(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_bytes(b" a\xff \n")

        assert text_at(tmp_path / "file") == "a\\xff"


class TestLinkAt:
    def test_shows_any_bytes(self, tmp_path: Path) -> None:
        (tmp_path / "link").symlink_to(os.fsdecode(b"x\xff\ny"))

        assert link_at(tmp_path / "link") == "x\\xff\ny"
        assert link_at(tmp_path) == ""


class TestNamesIn:
    def test_are_none_without_a_folder(self, tmp_path: Path) -> None:
        assert names_in(tmp_path / "missing") == []


class TestLinksIn:
    def test_are_the_links_and_where_they_lead(self, tmp_path: Path) -> None:
        (tmp_path / "one").symlink_to("any where")
        (tmp_path / "two").symlink_to(os.fsdecode(b"x\xff"))
        (tmp_path / "file").touch()

        assert sorted(links_in(tmp_path)) == [("one", "any where"), ("two", "x\\xff")]

    def test_are_refused_without_a_folder(self, tmp_path: Path) -> None:
        with pytest.raises(FileNotFoundError):
            links_in(tmp_path / "missing")
