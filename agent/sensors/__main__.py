"""The processes of this package: `python -m agent.sensors [--home DIR] serve|job|ask|list`.

The agent starts `serve` (answers its questions) and `job` (runs one job); `ask` and `list` are for
people, who say `python -m agent ask` and `python -m agent sensors`.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from agent.directories import Directories
from agent.exceptions import AgentError
from agent.sensors.exceptions import WorkerAbandoned
from agent.sensors.job_process import run_job
from agent.sensors.local import ask_sensor, list_sensors
from agent.sensors.worker import KNOWN, serve

FAILED = 1


def main(arguments: Sequence[str]) -> int:
    """Run one of the processes and return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m agent.sensors")
    parser.add_argument("--home", type=Path)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("serve")
    commands.add_parser("job").add_argument("job_id")
    commands.add_parser("list")
    ask = commands.add_parser("ask")
    ask.add_argument("sensor")
    ask.add_argument("--parameter", action="append", default=[])
    given = parser.parse_args(arguments)
    directories = Directories.under(given.home) if given.home else Directories.of_this_computer()
    try:
        match given.command:
            case "serve":
                serve(directories)
            case "job":
                run_job(directories, given.job_id, KNOWN)
            case "list":
                list_sensors(KNOWN, sys.stdout)
            case "ask":
                ask_sensor(KNOWN, directories, given.sensor, given.parameter)
    except WorkerAbandoned:
        return FAILED
    except AgentError as error:
        sys.stderr.write(f"vedette-agent: {error}\n")
        return FAILED
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
