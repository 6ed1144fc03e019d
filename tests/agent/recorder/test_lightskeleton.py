"""The built kernel programs belong to their source, and load."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from pathlib import Path

import pytest

from agent.recorder.exceptions import BlobDamaged, ProgramRefused
from agent.recorder.lightskeleton import (
    BLOB_DIRECTORY,
    LightSkeleton,
    Manifest,
    read_blob,
    read_manifest,
)
from tests.agent.recorder.leftovers import assert_unloaded, loaded_programs


class TestBlob:
    def test_belongs_to_its_source(self) -> None:
        manifest = read_manifest()

        for name, digest in manifest.sources_sha256.items():
            assert hashlib.sha256((BLOB_DIRECTORY / name).read_bytes()).hexdigest() == digest, (
                f"{name} was changed without running agent/bpf/build.sh"
            )

    @pytest.mark.slow
    @pytest.mark.skipif(
        not (shutil.which("clang") and Path("/usr/sbin/bpftool").exists()),
        reason="rebuilding needs clang, bpftool and libbpf-dev",
    )
    def test_is_what_the_build_gives(self, tmp_path: Path) -> None:
        subprocess.run([BLOB_DIRECTORY / "build.sh", tmp_path], check=True)
        shipped, rebuilt = read_manifest(), read_manifest(tmp_path)

        assert (rebuilt.maps, rebuilt.programs) == (shipped.maps, shipped.programs)
        if rebuilt.compiler == shipped.compiler:
            assert rebuilt == shipped

    def test_is_refused_when_it_was_changed(self, tmp_path: Path) -> None:
        copy_blob(tmp_path)
        blob = bytearray((tmp_path / "recorder.blob").read_bytes())
        blob[100] ^= 1
        (tmp_path / "recorder.blob").write_bytes(blob)

        with pytest.raises(BlobDamaged, match="SHA-256"):
            LightSkeleton.load(tmp_path)

    def test_is_refused_without_its_manifest(self, tmp_path: Path) -> None:
        with pytest.raises(BlobDamaged, match="manifest"):
            read_manifest(tmp_path)

    def test_is_refused_when_it_is_absent(self, tmp_path: Path) -> None:
        with pytest.raises(BlobDamaged, match=r"recorder\.blob"):
            read_blob(read_manifest(), tmp_path)


def copy_blob(target: Path) -> Manifest:
    for name in ("recorder.blob", "recorder.manifest.json"):
        shutil.copy(BLOB_DIRECTORY / name, target)
    return read_manifest(target)


@pytest.mark.root
class TestLoad:
    def test_loads_attaches_and_leaves_nothing_behind(self) -> None:
        before = loaded_programs()

        with LightSkeleton.load() as skeleton:
            skeleton.attach_tracepoint("on_exec")
            during = loaded_programs() - before

        assert len(during) == len(read_manifest().programs)
        assert_unloaded(during)

    def test_names_a_cgroup_that_is_none(self, tmp_path: Path) -> None:
        with LightSkeleton.load() as skeleton, pytest.raises(ProgramRefused, match="on_dns"):
            skeleton.attach_cgroup_egress("on_dns", tmp_path)

    def test_gives_the_verifiers_words_when_a_program_is_refused(self, tmp_path: Path) -> None:
        manifest = copy_blob(tmp_path)
        blob = bytearray((tmp_path / "recorder.blob").read_bytes())
        # A structure that no kernel has: its relocation must fail, with the reason in the log.
        at = blob.index(b"linux_binprm\0")
        blob[at : at + 12] = b"linux_nobody"
        (tmp_path / "recorder.blob").write_bytes(blob)
        text = (tmp_path / "recorder.manifest.json").read_text()
        digest = hashlib.sha256(blob).hexdigest()
        (tmp_path / "recorder.manifest.json").write_text(text.replace(manifest.blob_sha256, digest))
        before = loaded_programs()

        with pytest.raises(ProgramRefused) as refused:
            LightSkeleton.load(tmp_path)

        assert "linux_nobody" in refused.value.log
        assert_unloaded(loaded_programs() - before)
