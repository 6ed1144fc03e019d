"""Run Signals over a file of events: the command `./vedette match`.

Prints one JSON line per Signal and event that match, as soon as it is known:
`{"signal": id, "event": line, "record_id": ..., "matched": [{property, condition, value, found}]}`.
What cannot be used is named on the error stream; nothing is dropped in silence.

Exit codes: 0 all Signals were evaluated; 2 a Signal was refused (unless `--skip-invalid`), or a
file could not be read. Unreadable event lines are named and counted, and do not change the code.
"""

from __future__ import annotations

import argparse
import gzip
import sys
import zlib
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import BinaryIO, TextIO, cast

import msgspec

from detection.exceptions import SignalError, UnusableFile
from detection.signals.compiler import CompiledSignal, compile_signal
from detection.signals.engine import BATCH, Engine
from detection.signals.event_lines import EventLine, read_event_lines
from detection.signals.parser import DEFAULT_TERM_LIMIT

_GZIP_MAGIC = b"\x1f\x8b"


class SignalEntry(msgspec.Struct):
    """One element of the list in the file of Signals; other keys are ignored."""

    id: str
    text: str
    platforms: list[str] = []


def main(
    argv: Sequence[str] | None = None,
    *,
    output: BinaryIO | None = None,
    errors: TextIO | None = None,
) -> int:
    """Run the command and return its exit code; streams default to the standard ones."""
    errors = errors or sys.stderr
    output = output or sys.stdout.buffer
    options = _parser().parse_args(argv)
    try:
        entries = _read_entries(options.signals)
        signals = _compile(entries, options.term_limit or None, errors)
        _match(signals, options.events, output, errors)
    except UnusableFile as error:
        errors.write(f"{error}\n")
        return 2
    except BrokenPipeError:
        # Whoever read our output has seen enough; `| head` is no failure.
        return 0
    refused = len(entries) - len(signals)
    return 2 if refused and not options.skip_invalid else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="vedette match", description="Evaluate Signals on recorded events."
    )
    parser.add_argument("--signals", type=Path, required=True, help="JSON list of {id, text}")
    parser.add_argument(
        "--events", type=Path, required=True, help="one JSON object a line; may be gzip; - is input"
    )
    parser.add_argument(
        "--term-limit",
        type=int,
        default=DEFAULT_TERM_LIMIT,
        help="unique terms that a Signal may have, 0 for no limit (default: %(default)s)",
    )
    parser.add_argument(
        "--skip-invalid", action="store_true", help="exit with 0 although Signals were refused"
    )
    return parser


def _read_entries(path: Path) -> list[SignalEntry]:
    try:
        return msgspec.json.decode(path.read_bytes(), type=list[SignalEntry])
    except (OSError, msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise UnusableFile(f"{path}: not a list of Signals: {error}") from error


def _compile(
    entries: list[SignalEntry], term_limit: int | None, errors: TextIO
) -> list[CompiledSignal]:
    """Compile what can be; name every refused Signal with its place."""
    compiled = []
    for entry in entries:
        try:
            compiled.append(
                compile_signal(
                    entry.id, entry.text, term_limit=term_limit, platforms=entry.platforms
                )
            )
        except SignalError as refusal:
            errors.write(f"signal {entry.id}: {refusal}\n")
    return compiled


def _match(signals: list[CompiledSignal], path: Path, output: BinaryIO, errors: TextIO) -> None:
    engine = Engine(signals)
    unreadable = 0
    try:
        with _open(path) as stream:
            lines = read_event_lines(stream)
            while some := list(islice(lines, BATCH)):
                unreadable += _report_problems(some, path, errors)
                _write_matches(engine, [line for line in some if line.event], output)
    except BrokenPipeError:
        raise
    except (OSError, EOFError, zlib.error) as error:
        raise UnusableFile(f"{path}: cannot be read: {error}") from error
    if unreadable:
        errors.write(f"{path}: {unreadable} unreadable lines were left out\n")


def _open(path: Path) -> BinaryIO:
    if str(path) == "-":
        return sys.stdin.buffer
    with path.open("rb") as stream:
        packed = stream.read(len(_GZIP_MAGIC)) == _GZIP_MAGIC
    return cast(BinaryIO, gzip.open(path)) if packed else path.open("rb")


def _report_problems(lines: list[EventLine], path: Path, errors: TextIO) -> int:
    problems = [line for line in lines if line.problem]
    for line in problems:
        errors.write(f"{path}: line {line.number}: {line.problem}\n")
    return len(problems)


def _write_matches(engine: Engine, lines: list[EventLine], output: BinaryIO) -> None:
    events = [line.event for line in lines if line.event is not None]
    for position, match in engine.evaluate_batch(events):
        line = lines[position]
        shown: dict[str, object] = {"signal": match.signal_id, "event": line.number}
        if line.record_id is not None:
            shown["record_id"] = line.record_id
        shown["matched"] = match.matched
        output.write(msgspec.json.encode(shown) + b"\n")
    output.flush()


if __name__ == "__main__":
    sys.exit(main())
