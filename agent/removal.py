"""Remove the agent from this computer and leave nothing of it behind.

Only folders that carry the agent's marker are touched. The service is stopped first; an agent
that runs without a service is asked to end and waited for.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from agent.directories import Directories, is_ours
from agent.exceptions import AlreadyRunning
from agent.instance import running_process
from agent.own_programs import PROGRAM_FOLDER

SERVICE = "vedette-agent.service"
UNIT_FILE = Path("/etc/systemd/system") / SERVICE
STOP_TIMEOUT = 20.0
STOP_POLL = 0.05

Say = Callable[[str], None]


def remove_agent(
    directories: Directories,
    *,
    keep_data: bool,
    say: Say,
    program_folder: Path = PROGRAM_FOLDER,
) -> None:
    """Stop the agent and delete its folders, telling each step through `say`.

    With `keep_data` the recorded events stay (their key lies beside them). The program that runs
    goes too where an installer put it. Raises `AlreadyRunning` when a running agent does not end
    in time; then nothing was deleted.
    """
    if directories.home is None:
        _stop_service(say)
    _stop_process(directories.lock_file, say)
    doomed = [directories.settings, directories.logs, directories.runtime]
    if not keep_data:
        doomed.append(directories.data)
    if directories.program is not None:
        doomed.append(directories.program)
    # One that runs from a checkout carries no marker, and the service's goes with the service.
    if is_ours(program_folder) and program_folder != Directories.of_this_computer().program:
        doomed.append(program_folder)
    for folder in doomed:
        _delete(folder, say)
    if directories.home is None:
        _remove_unit(say)
    else:
        # Other files in the home are not ours: then it stays.
        with contextlib.suppress(OSError):
            directories.home.rmdir()


def _delete(folder: Path, say: Say) -> None:
    if not folder.exists():
        return
    if not is_ours(folder):
        say(f"left alone: {folder} does not carry the agent's marker")
        return
    shutil.rmtree(folder)
    say(f"removed {folder}")


def _stop_process(lock_file: Path, say: Say) -> None:
    process_id = running_process(lock_file)
    if process_id is None:
        return
    say(f"stopping the agent (process {process_id})")
    with contextlib.suppress(ProcessLookupError):
        os.kill(process_id, signal.SIGTERM)
    deadline = time.monotonic() + STOP_TIMEOUT
    while running_process(lock_file) is not None:
        if time.monotonic() > deadline:
            raise AlreadyRunning(
                f"The agent (process {process_id}) has not ended within {STOP_TIMEOUT:.0f} s: "
                "nothing was removed."
            )
        time.sleep(STOP_POLL)


def _stop_service(say: Say) -> None:
    if not UNIT_FILE.exists():
        return
    say(f"stopping {SERVICE}")
    _systemctl("disable", "--now", SERVICE)


def _remove_unit(say: Say) -> None:
    if not UNIT_FILE.exists():
        return
    UNIT_FILE.unlink()
    say(f"removed {UNIT_FILE}")
    _systemctl("daemon-reload")


def _systemctl(*arguments: str) -> None:
    """Ask systemd, where there is one; a service that is not loaded is no reason to stop."""
    systemctl = shutil.which("systemctl")
    if systemctl is not None:
        subprocess.run([systemctl, *arguments], check=False, timeout=60)  # noqa: S603 -- our words
