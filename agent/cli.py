"""The agent's command line: what a person, an installer and systemd say to it.

The exit codes are those of `outcomes`.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from agent import __version__
from agent.addresses import Address, read_address
from agent.commands import (
    ask_here,
    enrol_endpoint,
    list_sensors,
    record_events,
    remove_everything,
    renew_identity,
    run_agent,
    show_status,
)
from agent.directories import Directories
from agent.outcomes import outcome_of

EPILOG = """\
exit codes:
  0  done
  1  refused or failed; the reason is on standard error
  2  wrong usage
  3  no agent runs here
  4  this endpoint is not enrolled
"""


def main(arguments: Sequence[str]) -> int:
    """Carry out one command and return its exit code."""
    given = _parser().parse_args(arguments)
    return outcome_of(lambda: int(given.command(given)))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m agent",
        description="Vedette agent: records, detects and answers on behalf of one console.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"Vedette agent {__version__}")
    parser.add_argument(
        "--home",
        type=Path,
        metavar="DIR",
        help="keep settings, data, logs and the socket under DIR instead of the system's folders; "
        "several agents can live on one computer, and no root is needed",
    )
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _add_enroll(commands)
    _add_run(commands)
    _add_renew(commands)
    _add_status(commands)
    _add_record(commands)
    _add_ask(commands)
    _add_sensors(commands)
    _add_uninstall(commands)
    return parser


def _add_enroll(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    enroll = commands.add_parser(
        "enroll",
        help="make this computer an endpoint of a console",
        description="Make a key on this computer and have the console certify it. The connection "
        "is pinned to the console's CA before the token is sent.",
    )
    enroll.add_argument(
        "--console", required=True, metavar="HOST[:PORT]", help="where the console is (port 17443)"
    )
    anchor = enroll.add_mutually_exclusive_group(required=True)
    anchor.add_argument("--ca", type=Path, metavar="FILE", help="the console's CA, in PEM form")
    anchor.add_argument(
        "--ca-fingerprint", metavar="SHA256", help="the SHA-256 of the console's CA, in hexadecimal"
    )
    token = enroll.add_mutually_exclusive_group(required=True)
    token.add_argument(
        "--token", help="the enrolment token (other users see it in the process list)"
    )
    token.add_argument("--token-file", type=Path, metavar="FILE", help="a file with the token")
    enroll.add_argument(
        "--force", action="store_true", help="replace the identity that this endpoint has"
    )
    enroll.set_defaults(command=_enroll)


def _add_run(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    run = commands.add_parser(
        "run",
        help="run the agent in the foreground until SIGTERM or Ctrl-C",
        description="Run the agent in the foreground. systemd starts it this way.",
    )
    run.add_argument("--verbose", action="store_true", help="log details")
    run.set_defaults(command=lambda given: run_agent(_directories(given), verbose=given.verbose))


def _add_renew(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    renew = commands.add_parser(
        "renew",
        help="get a new certificate for a new key",
        description="Get a new certificate for a new key, with the present one as proof. The "
        "running agent does so by itself when two thirds of the certificate's life are over.",
    )
    renew.add_argument(
        "--console",
        type=_address,
        metavar="HOST:PORT",
        help="where to ask, instead of the place that enrolment named",
    )
    renew.set_defaults(
        command=lambda given: renew_identity(_directories(given), console=given.console)
    )


def _add_status(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    status = commands.add_parser(
        "status",
        help="show how the running agent is doing",
        description="Show how the running agent is doing. Exit code 3: it does not run.",
    )
    status.add_argument("--json", action="store_true", help="one JSON object, for programs")
    status.set_defaults(command=lambda given: show_status(_directories(given), as_json=given.json))


def _add_record(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    record = commands.add_parser(
        "record",
        help="record events to a file, without any console",
        description="Record events to a file, one JSON object a line, and say at the end what was "
        "seen, filtered and lost per kind. Needs no console and no enrolment.",
    )
    record.add_argument(
        "--for", dest="seconds", type=_seconds, metavar="SECONDS", help="default: until Ctrl-C"
    )
    record.add_argument(
        "--output",
        required=True,
        metavar="FILE",
        help="a file that is replaced, or - for standard output",
    )
    record.set_defaults(command=lambda given: record_events(given.seconds, given.output))


def _add_ask(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    ask = commands.add_parser(
        "ask",
        help="run one sensor on this computer and print its rows",
        description="Run one sensor on this computer, isolated as for a console, and print its "
        "rows. Needs no console and no enrolment.",
    )
    ask.add_argument("sensor", help="its key or its name: see `sensors`")
    ask.add_argument(
        "--parameter",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="fill in one of its parameters",
    )
    ask.set_defaults(
        command=lambda given: ask_here(_directories(given), given.sensor, given.parameter)
    )


def _add_sensors(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    sensors = commands.add_parser(
        "sensors",
        help="list what this computer can be asked",
        description="List the sensors that this computer answers, with their parameters.",
    )
    sensors.set_defaults(command=lambda given: list_sensors(_directories(given)))


def _add_uninstall(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    uninstall = commands.add_parser(
        "uninstall",
        help="stop the agent and remove it from this computer",
        description="Stop the agent and remove program, settings, data and logs.",
    )
    uninstall.add_argument("--yes", action="store_true", help="do not ask")
    uninstall.add_argument("--keep-data", action="store_true", help="leave recorded events")
    uninstall.set_defaults(
        command=lambda given: remove_everything(
            _directories(given), confirmed=given.yes, keep_data=given.keep_data
        )
    )


def _enroll(given: argparse.Namespace) -> int:
    return enrol_endpoint(
        _directories(given),
        console=given.console,
        ca_file=given.ca,
        ca_fingerprint=given.ca_fingerprint or "",
        token=given.token or given.token_file.read_text(encoding="ascii").strip(),
        replace=given.force,
    )


def _directories(given: argparse.Namespace) -> Directories:
    return Directories.under(given.home) if given.home else Directories.of_this_computer()


def _address(text: str) -> Address:
    try:
        return read_address(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds") from error
    if not 0 < seconds < float("inf"):
        raise argparse.ArgumentTypeError("must be above 0")
    return seconds
