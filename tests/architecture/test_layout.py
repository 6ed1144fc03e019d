"""The shape of the tree: names that say what is inside, and files that one can read whole."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.conftest import REPOSITORY

FORBIDDEN_NAMES = {"utils", "helpers", "common", "misc", "manager", "managers", "signals"}
LONGEST_FILE = 400
BINARY_SUFFIXES = {".png", ".blob", ".woff2", ".gz"}
# A longer file needs its reason here.
LONGER_FILES: dict[str, str] = {}


def _tracked(pattern: str) -> list[Path]:
    listing = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", pattern],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    return [Path(line) for line in listing.splitlines() if (REPOSITORY / line).exists()]


PYTHON_FILES = [path for path in _tracked("*.py") if "migrations" not in path.parts]
PACKAGES = [path for path in _tracked("*__init__.py") if path.parts[0] != "tests"]


def test_no_file_is_named_after_nothing() -> None:
    # detection/signals is the Signal language; a file signals.py would mean Django's signals.
    bad = [path for path in PYTHON_FILES if path.stem in FORBIDDEN_NAMES]

    assert [path for path in bad if path.parts[0] != "benchmarks"] == []


def test_every_file_can_be_read_whole() -> None:
    lengths = {
        str(path): len((REPOSITORY / path).read_text(encoding="utf-8").splitlines())
        for path in PYTHON_FILES
    }
    too_long = {
        name: lines
        for name, lines in lengths.items()
        if lines > (600 if name in LONGER_FILES else LONGEST_FILE)
    }

    assert too_long == {}, "which noun hides in them?"


def test_every_package_says_what_it_is_for() -> None:
    packages = [path for path in PACKAGES if not {"migrations", "management"} & set(path.parts)]
    silent = [
        str(path)
        for path in packages
        if not (REPOSITORY / path).read_text(encoding="utf-8").lstrip().startswith('"""')
    ]

    assert silent == []


def test_no_file_speaks_of_the_workshop() -> None:
    phrases = ("/work" + "/main", "/work" + "/shared", "pypi" + ".org", "pythonhosted" + ".org")
    texts = (path for path in _tracked("*") if path.suffix not in BINARY_SUFFIXES)
    found = [
        (str(path), phrase)
        for path in texts
        if "vendor" not in path.parts
        for phrase in phrases
        if phrase in (REPOSITORY / path).read_text(encoding="utf-8", errors="replace")
    ]

    assert found == []
