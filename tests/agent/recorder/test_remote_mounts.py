"""A file system whose server is silent does not stop the recorder."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.recorder.executables import ExecutableHashes
from agent.recorder.mounts import Mount
from protocol.events import Process
from tests.agent.recorder.recording import Recording

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(not Path("/dev/fuse").exists(), reason="there is no /dev/fuse"),
    # Without what is tested here this hangs for ever.
    pytest.mark.timeout(60),
]


@pytest.fixture
def silent(tmp_path: Path) -> Iterator[Path]:
    """Mount a file system that answers nothing, like one whose server is gone."""
    folder = tmp_path / "silent"
    folder.mkdir()
    server = os.open("/dev/fuse", os.O_RDWR)
    options = f"fd={server},rootmode=40000,user_id=0,group_id=0"
    subprocess.run(
        ["mount", "-i", "-t", "fuse", "-o", options, "silent", folder],
        pass_fds=[server],
        check=True,
    )
    yield folder
    # Whoever waits for it, an agent for one, gets an error now.
    os.close(server)
    subprocess.run(["umount", "--lazy", folder], check=True)


class TestASilentServer:
    def test_does_not_keep_the_recorder_from_the_other_files(
        self, silent: Path, tmp_path: Path
    ) -> None:
        with Recording(tmp_path / "data", sources=("ebpf", "fanotify")) as recording:
            subprocess.run(["touch", tmp_path / "beside"], check=True)
            told = recording.files(tmp_path / "beside", "create")
            health = {source.name: source for source in recording.recorder.health()}

        assert told
        assert any(
            what.startswith("files on fuse: not watched") for what in health["fanotify"].blind_to
        )

    def test_is_not_asked_for_the_program_of_a_process(self, silent: Path) -> None:
        hashes = ExecutableHashes()
        hashes.watch([Mount("0:99", os.fsencode(silent), "fuse.sshfs")])
        process = Process(key=1, pid=1, started_at=1, path=f"{silent}/program")

        assert hashes.fill(process, None) is None
        assert process.sha256 is None
