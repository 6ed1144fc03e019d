from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from console.supervisor import supervision
from console.supervisor.log_files import rotate_when_large
from console.supervisor.process import Program
from console.supervisor.supervision import Supervisor


def files_of(log: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(log.parent.iterdir())}


class TestALog:
    def test_stays_as_it_is_while_it_is_small(self, tmp_path: Path) -> None:
        log = tmp_path / "web.log"
        log.write_bytes(b"123")

        assert not rotate_when_large(log, largest=4)

        assert files_of(log) == {"web.log": b"123"}

    def test_begins_anew_when_it_is_large_and_keeps_a_few(self, tmp_path: Path) -> None:
        log = tmp_path / "web.log"
        # As the program has it, which knows nothing of this.
        descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

        for content in (b"first", b"second", b"third", b"4"):
            os.write(descriptor, content)
            rotate_when_large(log, largest=4, kept=2)
        os.close(descriptor)

        assert files_of(log) == {"web.log": b"4", "web.log.1": b"third", "web.log.2": b"second"}

    def test_keeps_its_content_when_there_is_no_room_for_the_copy(self, tmp_path: Path) -> None:
        log = tmp_path / "web.log"
        log.write_bytes(b"12345")
        (tmp_path / "web.log.draft").symlink_to("/dev/full")

        with pytest.raises(OSError, match="No space left"):
            rotate_when_large(log, largest=4)

        assert files_of(log) == {"web.log": b"12345"}


class TestTheSupervisor:
    def test_keeps_the_logs_of_its_programs_small(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(
            supervision, "rotate_when_large", lambda log: rotate_when_large(log, largest=1000)
        )
        supervisor = Supervisor(log_directory=tmp_path, report=lambda _: None)
        writes = "import time\nwhile True: print('x' * 99, flush=True); time.sleep(0.01)"
        supervisor.start(Program("probe", [sys.executable, "-c", writes], tmp_path))

        def stop_when_rotated() -> None:
            if (tmp_path / "probe.log.2").exists():
                supervisor.request_stop()

        supervisor.watch([stop_when_rotated])
        supervisor.stop()

        assert set((tmp_path / "probe.log.1").read_text()) == {"x", "\n"}

    def test_says_that_a_log_grows_and_goes_on(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(log: Path) -> bool:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(supervision, "rotate_when_large", refuse)
        said: list[str] = []
        supervisor = Supervisor(log_directory=tmp_path, report=said.append)
        supervisor.start(Program("probe", ["sleep", "60"], tmp_path))
        rounds = iter(range(3))

        def stop_in_the_third_round() -> None:
            if next(rounds) == 2:
                supervisor.request_stop()

        supervisor.watch([stop_in_the_third_round])
        supervisor.stop()

        assert said == [
            f"{tmp_path}/probe.log cannot be rotated (No space left on device) and grows"
        ]
