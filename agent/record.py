"""Record to a file, without any console: `python -m agent record`.

One JSON object a line, in the form that the console's API and the matcher share. The file grows
while it is written. At the end, standard output (standard error, when the events went to standard
output) says what was seen, recorded, filtered and lost, and from which sources.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO, Final, TextIO

from agent.recorder.filters import Filters
from agent.recorder.recorder import Recorder
from protocol.event_json import event_to_line
from protocol.events import Event
from protocol.messages import KindCounters, SourceHealth

STANDARD_OUTPUT: Final = "-"


def record(
    seconds: float | None,
    output_path: str,
    *,
    data_directory: Path | None = None,
    sources: Sequence[str] | None = None,
) -> None:
    """Record for so many seconds (None: until interrupted) and print a summary.

    SIGINT and SIGTERM end it early and cleanly. `output_path` is a file, which is replaced, or `-`.
    Without a data directory nothing is kept for a later run. Raises `OSError` when the output
    cannot be written.
    """
    with contextlib.ExitStack() as stack:
        if data_directory is None:
            data_directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        output: BinaryIO = sys.stdout.buffer
        summary: TextIO = sys.stderr
        filters = Filters()
        if output_path != STANDARD_OUTPUT:
            output = stack.enter_context(Path(output_path).open("wb"))
            summary = sys.stdout
            filters = Filters(directories=(Path(output_path).resolve(),))
        recorder = Recorder(data_directory, filters=filters, sources=sources)
        stack.callback(recorder.stop)
        recorder.start()
        asyncio.run(_record_until_stopped(recorder, seconds, output))
        summary.writelines(
            f"{line}\n"
            for line in (
                *summary_lines(recorder.counters(), recorder.health()),
                *recorder.problems(),
            )
        )


async def _record_until_stopped(
    recorder: Recorder, seconds: float | None, output: BinaryIO
) -> None:
    def write(events: list[Event]) -> None:
        output.write(b"".join(event_to_line(event) + b"\n" for event in events))
        output.flush()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, recorder.request_stop)
    if seconds is not None:
        loop.call_later(seconds, recorder.request_stop)
    await recorder.run(write)


def summary_lines(counters: dict[str, KindCounters], health: list[SourceHealth]) -> list[str]:
    """Say in words what was recorded: one line per kind, then one per source."""
    lines = [
        f"{kind}: {of.seen} seen, {of.recorded} recorded, {of.filtered} filtered, {of.lost} lost"
        for kind, of in counters.items()
    ]
    for source in health:
        reason = f": {source.reason}" if source.reason else ""
        lines.append(f"source {source.name} {source.state}{reason}")
        lines += [f"source {source.name} does not see {what}" for what in source.blind_to]
    return lines
