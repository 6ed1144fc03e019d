"""Run a program of the operating system for a sensor, where no file tells the same.

Only absolute paths and arguments of ours: nothing that a user or an endpoint wrote is ever part
of a command line.
"""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Final

from agent.sensors.exceptions import SensorFailed, SensorUnavailable
from agent.sensors.values import shown_value, text_of

ENVIRONMENT: Final = {"LC_ALL": "C", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "TZ": "UTC"}
TIMEOUT: Final = 20.0


def output_of(
    program: str, *arguments: str, timeout: float = TIMEOUT, accepted: tuple[int, ...] = (0,)
) -> str:
    """Return what a program prints. `timeout` is in seconds, `accepted` are its exit codes.

    Raises `SensorUnavailable` where there is no such program and `SensorFailed` with its own last
    word when it fails.
    """
    if not Path(program).is_absolute():
        raise ValueError(f"{program} is not an absolute path")
    try:
        ended = subprocess.run(  # noqa: S603 -- an absolute path and words of ours
            [program, *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env=ENVIRONMENT,
            timeout=timeout,
            check=False,
        )
    except FileNotFoundError as error:
        raise SensorUnavailable(f"There is no {program} on this computer.") from error
    except subprocess.TimeoutExpired as error:
        raise SensorFailed(f"{program} did not end within {timeout:.0f} s.") from error
    except OSError as error:
        raise SensorFailed(f"{program} could not be started: {error.strerror}.") from error
    if ended.returncode not in accepted:
        said = text_of(ended.stderr).strip().rpartition("\n")[2] or f"exit code {ended.returncode}"
        raise SensorFailed(f"{program} failed: {shown_value(said).rstrip('.')}.")
    return text_of(ended.stdout)
