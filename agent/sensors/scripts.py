"""Run a user's own sensor: a script that the console signed, never text that was put together.

Parameters reach it as arguments and as environment variables. It begins in an empty folder, with a
bare environment and no descriptor but its own three. What it prints becomes rows: one a line.
"""

from __future__ import annotations

import contextlib
import os
import re
import select
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Final

from agent.sensors.context import Row
from agent.sensors.exceptions import SensorFailed, SensorUnavailable
from agent.sensors.isolation import die_with_parent
from agent.sensors.values import text_of
from protocol.questions import Script

PYTHON, SHELL, POWERSHELL = "python", "shell", "powershell"
# Environment variables are named VEDETTE_<KEY>, upper case, other characters as `_`.
VARIABLE_PREFIX: Final = "VEDETTE_"
PATH: Final = "/usr/sbin:/usr/bin:/sbin:/bin"
SHELL_PATH: Final = "/bin/sh"

# Limits of limits: what a definition may ask for.
LONGEST_TIMEOUT: Final = 600.0
LARGEST_OUTPUT: Final = 16 * 1024 * 1024
ERROR_BYTES: Final = 16 * 1024
PIECE: Final = 64 * 1024
LOOK_INTERVAL: Final = 0.1

_NOT_IN_NAMES: Final = re.compile(r"[^A-Z0-9_]")


@contextlib.contextmanager
def folder_for(script: Script) -> Iterator[Path]:
    """Give a folder with the script in it, and an empty one inside; gone when left.

    The script itself must not be who removes it: it may be killed.
    """
    with tempfile.TemporaryDirectory(prefix="vedette-sensor-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        (folder / "script").write_text(script.text, encoding="utf-8", errors="surrogateescape")
        (folder / "empty").mkdir()
        yield folder


def rows_of(script: Script, parameters: Mapping[str, str], folder: Path) -> Iterator[Row]:
    """Run a script from its folder and give its rows.

    Raises `SensorFailed` when it fails, prints more than its limit, or is not for this system.
    """
    command = [*_interpreter(script.language), str(folder / "script"), *parameters.values()]
    limit = min(max(script.output_limit, 1), LARGEST_OUTPUT)
    with (folder / "errors").open("w+b") as errors:
        try:
            process = subprocess.Popen(  # noqa: S603 -- a vector: no shell reads the parameters
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                cwd=folder / "empty",
                env=_environment(parameters, folder),
                preexec_fn=die_with_parent,  # noqa: PLW1509 -- this process has one thread
            )
        except FileNotFoundError as error:
            raise SensorUnavailable(f"There is no {command[0]} on this computer.") from error
        except (OSError, ValueError) as error:
            raise SensorFailed(f"The script could not be started: {error}.") from error
        output = _output_of(process, limit)
        if process.returncode != 0:
            raise SensorFailed(_failure(process.returncode, _last_line(errors)))
    yield from _rows(output, script)


def _interpreter(language: str) -> list[str]:
    if language == PYTHON:
        # Isolated: neither environment variables nor the user's folders change what is imported.
        return [sys.executable, "-I", "-B", "-X", "utf8"]
    if language == SHELL:
        return [SHELL_PATH]
    if language == POWERSHELL:
        raise SensorUnavailable("This sensor is written in PowerShell: it runs on Windows only.")
    raise SensorUnavailable(f"This agent does not run sensors written in {language!r}.")


def _environment(parameters: Mapping[str, str], folder: Path) -> dict[str, str]:
    given = {
        VARIABLE_PREFIX + _NOT_IN_NAMES.sub("_", key.upper()): value
        for key, value in parameters.items()
    }
    home = str(folder / "empty")
    return given | {"PATH": PATH, "LC_ALL": "C.UTF-8", "TZ": "UTC", "HOME": home, "TMPDIR": home}


def _output_of(process: subprocess.Popen[bytes], limit: int) -> bytes:
    """Read until the script has ended, even if what it started still holds its output open."""
    if process.stdout is None:
        raise AssertionError("it was asked for as a pipe")
    printed = bytearray()
    while True:
        ended = process.poll() is not None
        readable, _, _ = select.select([process.stdout], [], [], 0 if ended else LOOK_INTERVAL)
        if readable:
            piece = os.read(process.stdout.fileno(), PIECE)
            printed += piece
            if len(printed) > limit:
                raise SensorFailed(f"The script printed more than {limit} bytes.")
            if piece:
                continue
            # It has closed its output: nothing more can come.
            process.wait()
            return bytes(printed)
        if ended:
            return bytes(printed)


def _last_line(errors: IO[bytes]) -> str:
    length = errors.seek(0, os.SEEK_END)
    errors.seek(max(length - ERROR_BYTES, 0))
    lines = text_of(errors.read()).split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), "")


def _failure(code: int, said: str) -> str:
    how = f"ended with {code}" if code > 0 else f"was ended by {signal.Signals(-code).name}"
    return f"The script {how}: {said.rstrip('.')}." if said else f"The script {how}."


def _rows(output: bytes, script: Script) -> Iterator[Row]:
    """Part lines into columns: missing ones are empty, what is too much stays in the last."""
    columns = max(script.columns, 1)
    for raw in output.split(b"\n"):
        line = text_of(raw.removesuffix(b"\r"))
        if not line:
            continue
        values = line.split(script.separator, columns - 1) if script.separator else [line]
        yield values + [""] * (columns - len(values))
