"""Accounts, administrators and passwords, held against getent and passwd."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.sensors.accounts import password_status
from agent.sensors.sudorules import read_sudo_rules
from tests.agent.sensors.comparing import printed, program, rows_of, write

PASSWD = """root:x:0:0:root:/root:/bin/bash
toor:x:0:0::/root:/bin/sh
alice:x:1000:1000:Alice Example,,,:/home/alice:/bin/bash
bob:x:1001:100::/home/bob:/usr/sbin/nologin
eve::1002:1002::/home/eve:
old:ab01FAX.bQRSU:1003:1003::/:/bin/sh
+nis::::::
broken line
neg:x:-1:x::/:/bin/sh
"""
GROUP = "root:x:0:\nsudo:x:27:alice,ghost\nusers:x:100:alice\nalice:x:1000:\ndocker:x:998:bob\n"
# Made for this test; of nobody's password.
SHA512 = "$6$saltsalt$" + "a" * 86
SHADOW = f"""root:!:19000:0:99999:7:::
toor:*:19000:0:99999:7:::
alice:{SHA512}:19000:0:90:7::20000:
bob:!{SHA512}:0:0:99999:7:::
eve::19000:0:99999:7:::
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write(tmp_path, {"etc/passwd": PASSWD, "etc/group": GROUP, "etc/shadow": SHADOW})


class TestLocalUsers:
    def test_are_those_of_getent(self) -> None:
        lines = printed(program("getent"), "-s", "files", "passwd").splitlines()
        theirs = [tuple(line.split(":")[place] for place in (0, 2, 3, 5, 6)) for line in lines]

        names = ("User", "User ID", "Group ID", "Home", "Shell")
        rows = rows_of("accounts.users")

        assert [tuple(row[name] for name in names) for row in rows] == theirs

    def test_leave_out_what_is_no_account(self, root: Path) -> None:
        rows = {row["User"]: row for row in rows_of("accounts.users", root)}

        assert list(rows) == ["root", "toor", "alice", "bob", "eve", "old"]
        assert rows["alice"]["Full Name"] == "Alice Example"
        assert rows["alice"]["Groups"] == "alice, sudo, users"
        logins = {name for name, row in rows.items() if row["Can Log In"] == "True"}
        assert logins == {"root", "toor", "alice", "eve", "old"}


class TestLocalGroups:
    def test_are_those_of_getent(self) -> None:
        lines = printed(program("getent"), "-s", "files", "group").splitlines()

        rows = rows_of("accounts.groups")

        assert [(row["Group"], row["Group ID"]) for row in rows] == [
            (line.split(":")[0], line.split(":")[2]) for line in lines
        ]

    def test_count_those_for_whom_it_is_the_first(self, root: Path) -> None:
        members = {row["Group"]: row["Members"] for row in rows_of("accounts.groups", root)}

        assert members["users"] == "alice, bob"
        assert members["root"] == "root, toor"


class TestAdministrators:
    def test_are_found_in_every_way(self, root: Path) -> None:
        write(
            root,
            {
                "etc/sudoers": "Defaults env_reset\n# %fake ALL=(ALL) ALL\n"
                "User_Alias OPS = eve, #1003 : DEV = bob\n"
                "root ALL=(ALL:ALL) ALL\n%sudo ALL=(ALL:ALL) \\\n ALL # trailing\n"
                "OPS, DEV web = (www) NOPASSWD: /bin/a, /bin/b\n"
                "@includedir /etc/sudoers.d\n@include sudoers\n",
                "etc/sudoers.d/extra": "%nobodys ALL = NOPASSWD: ALL\n",
                "etc/sudoers.d/skipped.bak": "bob ALL=(ALL) ALL\n",
            },
        )

        rows = rows_of("accounts.administrators", root)

        found = {(row["User"], row["Through"], row["Without Password"]) for row in rows}
        assert found == {
            ("root", "user id 0", ""),
            ("toor", "user id 0", ""),
            ("alice", "group sudo", ""),
            ("ghost", "group sudo", ""),
            ("bob", "group docker", ""),
            ("root", "sudoers", "False"),
            ("alice", "sudoers, group sudo", "False"),
            ("ghost", "sudoers, group sudo", "False"),
            ("eve", "sudoers", "True"),
            ("#1003", "sudoers", "True"),
            ("bob", "sudoers", "True"),
            ("%nobodys", "sudoers, group nobodys", "True"),
        }
        numbers = {row["User"]: row["User ID"] for row in rows}
        assert (numbers["alice"], numbers["#1003"], numbers["ghost"]) == ("1000", "1003", "")

    @given(st.text(alphabet='a%#,=\\"@: \nALL()'))
    def test_survive_any_rule(self, tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
        root = write(tmp_path_factory.getbasetemp(), {"etc/sudoers": text})

        assert isinstance(read_sudo_rules(root), list)


class TestPasswordStatus:
    def test_is_that_of_passwd(self) -> None:
        lines = printed(program("passwd"), "-S", "-a").splitlines()
        theirs = {line.split()[0]: line.split()[1:3] for line in lines}
        letters = {"set": "P", "none": "NP", "locked": "L", "unusable": "L"}

        rows = rows_of("accounts.passwords")

        for row in rows:
            letter, changed = theirs[row["User"]]
            assert letters[row["Status"]] == letter
            # On English systems before 4.14 the month comes first.
            form = "%m/%d/%Y" if "/" in changed else "%Y-%m-%d"
            day = datetime.strptime(changed, form).replace(tzinfo=UTC)
            assert row["Changed"][:10] == f"{day:%Y-%m-%d}"

    def test_tells_nothing_of_a_hash(self, root: Path) -> None:
        rows = {row["User"]: row for row in rows_of("accounts.passwords", root)}

        found = {name: (row["Status"], row["Algorithm"]) for name, row in rows.items()}
        assert found == {
            "root": ("locked", ""),
            "toor": ("unusable", ""),
            "alice": ("set", "SHA-512"),
            "bob": ("locked", "SHA-512"),
            "eve": ("none", ""),
            "old": ("set", "DES"),
        }
        assert (rows["alice"]["Expires After Days"], rows["bob"]["Changed"]) == ("90", "")
        assert rows["alice"]["Account Expires"] == "2024-10-04 00:00:00.000+00:00"
        assert "a" * 20 not in str(rows)
        assert "saltsalt" not in str(rows)

    @pytest.mark.parametrize(
        ("secret", "expected"),
        [
            ("", ("none", "")),
            ("$y$j9T$x$y", ("set", "yescrypt")),
            ("$2b$10$x", ("set", "bcrypt")),
            ("$new$x", ("set", "unknown")),
            ("!!", ("locked", "")),
            ("x", ("unusable", "")),
        ],
    )
    def test_knows_the_forms(self, secret: str, expected: tuple[str, str]) -> None:
        assert password_status(secret) == expected
