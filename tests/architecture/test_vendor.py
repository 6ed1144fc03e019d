"""Code of others is what its lock says, and nothing of it comes from another host at run time."""

from __future__ import annotations

import hashlib
import json

from tests.conftest import REPOSITORY

VENDOR = REPOSITORY / "static" / "vendor"
LOCK = json.loads((VENDOR / "vendor.lock").read_text(encoding="utf-8"))


def test_every_vendored_file_is_the_one_that_was_locked() -> None:
    present = {
        str(path.relative_to(VENDOR)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in VENDOR.rglob("*")
        if path.is_file() and path.name != "vendor.lock"
    }

    assert present == LOCK["files"]


def test_every_vendored_package_has_its_licence() -> None:
    for package in LOCK["packages"]:
        name = package["name"].replace("@", "").replace("/", "-")
        assert (VENDOR / "licences" / f"{name}.txt").is_file()
        assert package["licence"] in {"MIT", "Apache-2.0", "BSD-3-Clause", "ISC", "0BSD"}
