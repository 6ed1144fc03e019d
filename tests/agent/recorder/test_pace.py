"""When to read at once and when to let events gather."""

from __future__ import annotations

from agent.recorder.pace import BUSY_PAUSE, PRESSED_PAUSE, QUIET_PAUSE, Pace


class TestPace:
    def test_reads_at_once_while_little_happens(self) -> None:
        pace = Pace()

        pauses = [pace.pause_after(1, elapsed=0.5, fullness=0) for _ in range(20)]

        assert set(pauses) == {QUIET_PAUSE}

    def test_reads_four_times_a_second_under_load_and_quickly_again_after(self) -> None:
        pace = Pace()
        for _ in range(8):
            busy = pace.pause_after(500, elapsed=0.25, fullness=0)
        for _ in range(8):
            quiet = pace.pause_after(0, elapsed=1.0, fullness=0)

        assert (busy, quiet) == (BUSY_PAUSE, QUIET_PAUSE)

    def test_hurries_when_the_kernels_buffer_fills(self) -> None:
        assert Pace().pause_after(50_000, elapsed=0.25, fullness=0.5) == PRESSED_PAUSE
