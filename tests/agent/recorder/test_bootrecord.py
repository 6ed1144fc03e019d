"""What is remembered within one boot."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from agent.recorder.bootrecord import FILE_NAME, BootRecord, load_boot_record, save_boot_record
from agent.recorder.clock import BootClock
from agent.recorder.processes import RememberedImage


class TestBootRecord:
    def test_survives_a_restart_of_the_agent(self, tmp_path: Path) -> None:
        record = load_boot_record(tmp_path)
        record.images = [RememberedImage(7, 8, 9, "/bin/x")]
        save_boot_record(tmp_path, record)

        assert load_boot_record(tmp_path) == record

    def test_keeps_the_instant_of_boot_when_the_clock_is_moved(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        record = load_boot_record(tmp_path)
        save_boot_record(tmp_path, record)
        real = time.time_ns
        monkeypatch.setattr(time, "time_ns", lambda: real() + 3600 * 10**9)

        again = BootClock(load_boot_record(tmp_path).booted_at)

        assert again.booted_at == record.booted_at
        assert 3599 < again.drift_seconds() < 3601
        assert abs(again.now() - real() // 1000) < 1_000_000

    def test_is_forgotten_after_a_boot(self, tmp_path: Path) -> None:
        save_boot_record(tmp_path, BootRecord(boot_id="another", booted_at=5))

        assert load_boot_record(tmp_path).booted_at != 5

    def test_is_replaced_when_it_is_damaged(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        (tmp_path / FILE_NAME).write_bytes(b"\xc1garbage")

        assert load_boot_record(tmp_path).images == []
        assert "unreadable" in caplog.text

    def test_costs_only_a_warning_when_it_cannot_be_saved(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        save_boot_record(tmp_path / "absent", BootRecord(boot_id="x", booted_at=1))

        assert "not saved" in caplog.text
