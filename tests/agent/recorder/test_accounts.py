"""Names of user ids."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from agent.recorder import accounts
from agent.recorder.accounts import Accounts


class TestAccounts:
    def test_names_an_id_and_shows_an_unknown_one_as_number(self, tmp_path: Path) -> None:
        path = tmp_path / "passwd"
        path.write_bytes(b"root:x:0:0::/root:/bin/sh\nbad line\n\xff:x:7:7::/:/bin/sh\n")

        names = Accounts(path)

        assert [names.name(0), names.name(7), names.name(99)] == ["root", "\\xff", "99"]

    def test_notices_a_new_account(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(accounts, "_RECHECK_SECONDS", 0)
        path = tmp_path / "passwd"
        path.write_text("root:x:0:0::/root:/bin/sh\n")
        names = Accounts(path)
        assert names.name(8) == "8"

        path.write_text("root:x:0:0::/root:/bin/sh\nnew:x:8:8::/:/bin/sh\n")
        os.utime(path, ns=(1, 1))

        assert names.name(8) == "new"

    def test_works_without_the_file(self, tmp_path: Path) -> None:
        assert Accounts(tmp_path / "absent").name(5) == "5"
