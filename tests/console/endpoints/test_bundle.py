from __future__ import annotations

import hashlib
import json
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest

from console.endpoints import bundle
from console.endpoints.exceptions import BundleIncomplete

# Making one takes seconds of gzip, so all tests of its content look at the same.


@pytest.fixture(scope="module")
def made() -> bundle.Bundle:
    return bundle.build_bundle()


@pytest.fixture(scope="module")
def contents(made: bundle.Bundle) -> dict[str, bytes]:
    with tarfile.open(made.path) as archive:
        found = {}
        for member in archive:
            stream = archive.extractfile(member)
            if stream is None:
                pytest.fail(f"{member.name} is no file")
            found[member.name] = stream.read()
        return found


class TestBundle:
    def test_holds_our_packages_and_what_they_stand_on(self, contents: dict[str, bytes]) -> None:
        for name in ("agent/__main__.py", "protocol/messages.py", "msgspec/__init__.py"):
            assert name in contents
        assert "vedette-agent.service" in contents
        assert any(name.startswith("cryptography/") for name in contents)
        assert any(name.startswith("cffi/") for name in contents), "what cryptography needs"

    def test_holds_nothing_of_the_console(self, contents: dict[str, bytes]) -> None:
        tops = {name.split("/")[0] for name in contents}

        assert not tops & {"console", "django", "directconnect", "threatresponse", "tests", "data"}

    def test_says_nothing_about_the_machine_that_made_it(self, contents: dict[str, bytes]) -> None:
        names = {name.rpartition("/")[2] for name in contents}

        assert not names & {"RECORD", "INSTALLER", "direct_url.json"}
        assert not any("__pycache__" in name for name in contents)

    def test_names_its_python_and_the_hash_of_every_file(self, contents: dict[str, bytes]) -> None:
        manifest = json.loads(contents.pop(bundle.MANIFEST))

        assert manifest["python"] == f"{sys.version_info.major}.{sys.version_info.minor}"
        assert manifest["files"] == {
            name: hashlib.sha256(content).hexdigest() for name, content in contents.items()
        }

    def test_has_only_plain_files_with_relative_names(self, made: bundle.Bundle) -> None:
        with tarfile.open(made.path) as archive:
            for member in archive:
                assert member.isfile()
                assert not member.name.startswith("/")
                assert ".." not in member.name.split("/")

    def test_is_the_same_until_something_changes(self, made: bundle.Bundle) -> None:
        assert bundle.build_bundle() == made
        assert made.sha256 == hashlib.sha256(made.path.read_bytes()).hexdigest()

    def test_is_not_made_when_a_part_is_missing(self, tmp_path: Path, settings: Any) -> None:
        settings.BASE_DIR = tmp_path

        with pytest.raises(BundleIncomplete, match=r"vedette-agent\.service"):
            bundle.build_bundle()
