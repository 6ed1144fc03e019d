"""Files, held against stat(1), find(1) and the sum commands; and folders made to do harm."""

from __future__ import annotations

import os
import socket
import time
from pathlib import Path

import pytest

from agent.sensors.exceptions import SensorFailed
from agent.sensors.values import instant_text_of_seconds
from tests.agent.sensors.comparing import collected_of, printed, program, rows_of, write


def hostile(root: Path) -> Path:
    """Make a folder with everything in it that can hold a reader up or lead it astray."""
    write(root, {"dir/plain.txt": "a", "dir/sub/deep.txt": "b", "dir/new\nline.txt": "c"})
    (root / "dir/to-root").symlink_to("/")
    (root / "dir/circle").symlink_to("circle")
    (root / "dir/dangling.txt").symlink_to("/nowhere")
    os.mkfifo(root / "dir/pipe.txt")
    with (root / "dir/huge.txt").open("wb") as file:
        file.truncate(1 << 40)
    os.mkdir(os.fsencode(root / "dir") + b"/\xff.txt")  # noqa: PTH102 - bytes
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(root / "s"))
    listening.close()
    return root


class TestFileDetails:
    @pytest.mark.parametrize("path", ["/usr/bin/passwd", "/etc/passwd", "/etc", "/dev/null"])
    def test_are_those_of_stat(self, path: str) -> None:
        stat = program("stat")
        form = "%s %U %G %04a %A %Y %Z %W %i %h"

        (row,) = rows_of("files.details", path=path)

        size, owner, group, mode, letters, *instants, inode, links = printed(
            stat, "-c", form, path
        ).split()
        assert (row["Size"], row["Owner"], row["Group"]) == (size, owner, group)
        assert row["Permissions"] == f"{mode} {letters[1:]}"
        assert (row["Inode"], row["Links"]) == (inode, links)
        modified, changed, created = (instant_text_of_seconds(int(one))[:19] for one in instants)
        assert row["Last Modified"][:19] == modified
        assert row["Changed"][:19] == changed
        assert row["Created"][:19] == created

    def test_hash_as_the_sum_commands_do(self, tmp_path: Path) -> None:
        file = tmp_path / "file"
        file.write_bytes(os.urandom(3_000_000))

        (row,) = rows_of("files.details", path=str(file))

        for column, command in (("MD5", "md5sum"), ("SHA-1", "sha1sum"), ("SHA-256", "sha256sum")):
            assert row[column] == printed(program(command), str(file)).split()[0]
        assert row["First Bytes"] == file.read_bytes()[:16].hex(" ")
        assert row["Kind"] == "file"

    def test_name_the_package(self) -> None:
        program("dpkg-query")

        (row,) = rows_of("files.details", path="/usr/bin//passwd")

        assert row["Package"] == "passwd"

    def test_do_not_wait_or_follow(self, tmp_path: Path) -> None:
        root = hostile(tmp_path)

        (pipe,) = rows_of("files.details", root, path="/dir/pipe.txt")
        (link,) = rows_of("files.details", root, path="/dir/to-root")
        (huge,) = rows_of("files.details", root, path="/dir/huge.txt")

        assert (pipe["Kind"], pipe["MD5"]) == ("pipe", "")
        assert (link["Kind"], link["Leads To"]) == ("link", "/")
        assert (huge["Size"], huge["MD5"]) == (str(1 << 40), "")

    @pytest.mark.root
    def test_show_that_a_file_cannot_be_changed(self, tmp_path: Path) -> None:
        file = write(tmp_path, {"file": "a"}) / "file"
        printed(program("chattr"), "+i", str(file))
        try:
            (row,) = rows_of("files.details", path=str(file))
        finally:
            printed(program("chattr"), "-i", str(file))

        assert row["Attributes"] == "immutable"

    @pytest.mark.parametrize("path", ["etc/passwd", "", "/no/such/file"])
    def test_refuse_what_is_no_file(self, path: str) -> None:
        with pytest.raises(SensorFailed):
            rows_of("files.details", path=path)


class TestFileExists:
    @pytest.mark.parametrize(
        ("path", "exists"),
        [("/dir", "True"), ("/dir/dangling.txt", "True"), ("/dir/../dir/x", "False")],
    )
    def test_counts_whatever_has_the_name(self, tmp_path: Path, path: str, exists: str) -> None:
        assert rows_of("files.exists", hostile(tmp_path), path=path) == [{"File Exists": exists}]


class TestDirectoryListing:
    def test_is_that_of_ls(self) -> None:
        names = printed(program("ls"), "-A", "--quoting-style=literal", "/etc").splitlines()

        assert sorted(row["Name"] for row in rows_of("files.listing", folder="/etc")) == sorted(
            names
        )

    def test_shows_hostile_names(self, tmp_path: Path) -> None:
        rows = {
            row["Name"]: row for row in rows_of("files.listing", hostile(tmp_path), folder="/dir")
        }

        assert rows["new\nline.txt"]["Kind"] == "file"
        assert rows[r"\xff.txt"]["Kind"] == "folder"


class TestSearchForFiles:
    def test_finds_what_find_finds(self) -> None:
        theirs = printed(program("find"), "/etc", "-iname", "*.CONF").splitlines()

        rows = rows_of("files.search", pattern="*.conf", folder="/etc", job_id="x")

        assert sorted(row["Path"] for row in rows) == sorted(theirs)

    @pytest.mark.parametrize(
        ("pattern", "regex", "found"),
        [
            ("*.txt", "0", 7),
            ("plain.???", "0", 1),
            ("[p]lain.txt", "0", 0),
            ("/dir/sub/*", "0", 1),
            (".*/sub/.*", "1", 1),
            ("sub", "1", 0),
            ("*\\xff*", "0", 1),
        ],
    )
    def test_stays_where_it_may(self, tmp_path: Path, pattern: str, regex: str, found: int) -> None:
        rows = rows_of(
            "files.search",
            hostile(tmp_path),
            pattern=pattern,
            regex=regex,
            folder="/dir",
            job_id="x",
        )

        assert len(rows) == found, rows

    def test_counts_what_it_leaves_out(self, tmp_path: Path) -> None:
        given = collected_of(
            "files.search",
            hostile(tmp_path),
            pattern="*.txt",
            folder="/dir",
            job_id="x",
            max_rows="2",
        )

        assert (len(given.rows), given.cut) == (2, 5)

    def test_leaves_the_kernel_file_systems_out(self) -> None:
        with pytest.raises(SensorFailed, match="only local disks"):
            rows_of("files.search", pattern="*", folder="/proc/1", job_id="x")

    def test_refuses_what_is_no_folder(self, tmp_path: Path) -> None:
        root = hostile(tmp_path)
        for folder in ("/dir/plain.txt", "/none"):
            with pytest.raises(SensorFailed, match="There is no folder"):
                rows_of("files.search", root, pattern="*", folder=folder, job_id="x")


class TestHashMatch:
    def test_finds_each_kind_of_hash(self, tmp_path: Path) -> None:
        root = hostile(tmp_path)
        md5 = printed(program("md5sum"), str(root / "dir/plain.txt")).split()[0]
        sha256 = printed(program("sha256sum"), str(root / "dir/sub/deep.txt")).split()[0]

        rows = rows_of(
            "files.hash_match", root, hashes=f"{md5.upper()}, {sha256}", folder="/", job_id="x"
        )

        assert {row["Path"] for row in rows} == {"/dir/plain.txt", "/dir/sub/deep.txt"}


class TestRecentlyModifiedFiles:
    def test_see_through_a_time_that_was_set_back(self, tmp_path: Path) -> None:
        root = write(tmp_path, {"dir/new": "a", "dir/hidden": "b"})
        os.utime(root / "dir/hidden", (1, 1))

        rows = rows_of("files.recently_modified", root, folder="/dir", minutes="5")

        assert {row["Path"] for row in rows} == {"/dir/new", "/dir/hidden"}
        old = rows_of("files.recently_modified", root, folder="/dir", minutes="-5")
        assert old == []

    def test_count_what_they_leave_out(self, tmp_path: Path) -> None:
        root = write(tmp_path, {f"dir/{number}": "a" for number in range(5)})
        latest = root / "dir/3"
        latest.write_text("b")

        given = collected_of("files.recently_modified", root, folder="/dir", max_rows="1")

        assert ([row[0] for row in given.rows], given.cut) == (["/dir/3"], 4)

    def test_refuse_a_folder_that_is_too_large(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        root = write(tmp_path, {f"dir/{number}": "a" for number in range(5)})
        monkeypatch.setattr("agent.sensors.files._LOOKED_AT", 4)

        with pytest.raises(SensorFailed, match="name a smaller folder"):
            rows_of("files.recently_modified", root, folder="/dir")

    def test_are_those_of_find(self) -> None:
        minutes = int(time.time() - Path("/etc/passwd").stat().st_mtime) // 60 + 60
        find = program("find")
        theirs = printed(
            find,
            "/etc",
            "-type",
            "f",
            "(",
            "-mmin",
            f"-{minutes}",
            "-o",
            "-cmin",
            f"-{minutes}",
            ")",
        ).splitlines()

        rows = rows_of(
            "files.recently_modified", folder="/etc", minutes=str(minutes), max_rows="100000"
        )

        assert {row["Path"] for row in rows} >= set(theirs)
