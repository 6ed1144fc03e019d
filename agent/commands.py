"""What each command of the agent's command line does."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

from agent.addresses import Address
from agent.directories import Directories
from agent.enrolment import TrustAnchor, enrol, renew_certificate
from agent.exceptions import AlreadyRunning
from agent.identity import is_enrolled, read_enrolment
from agent.instance import running_process
from agent.outcomes import DONE
from agent.own_programs import RESIDENT, SENSORS, VERBOSE, command_line
from agent.record import record
from agent.removal import remove_agent
from agent.status_socket import ask_status
from agent.status_text import instant_text, status_text

DECLINED = 1


def enrol_endpoint(
    directories: Directories,
    *,
    console: str,
    ca_file: Path | None,
    ca_fingerprint: str,
    token: str,
    replace: bool,
) -> int:
    """Enrol this computer and say who it is now. Raises `AlreadyRunning` and as `enrol` does."""
    process_id = running_process(directories.lock_file)
    if process_id is not None:
        raise AlreadyRunning(f"The agent runs (process {process_id}): stop it first.")
    authority = ca_file.read_text(encoding="utf-8") if ca_file else ""
    enrolment = enrol(
        directories,
        console=console,
        anchor=TrustAnchor(authority_pem=authority, fingerprint=ca_fingerprint),
        token=token,
        replace=replace,
    )
    sys.stdout.write(
        f"Enrolled as endpoint {enrolment.endpoint_id}.\n"
        f"The console is {enrolment.gateway}; the certificate is valid until "
        f"{instant_text(enrolment.certificate_until_at)}.\n"
    )
    return DONE


def run_agent(directories: Directories, *, verbose: bool) -> int:
    """Become the agent that stays, as the same process. Raises `NotEnrolled` where it cannot."""
    read_enrolment(directories)
    words = [VERBOSE] if verbose else []
    os.execv(  # noqa: S606 -- our own program
        sys.executable, command_line(RESIDENT, directories, *words)
    )


def renew_identity(directories: Directories, *, console: Address | None) -> int:
    """Get a new certificate for a new key. Raises as `renew_certificate` does."""
    renewed = renew_certificate(directories, console)
    until = instant_text(renewed.certificate_until_at)
    sys.stdout.write(f"The certificate was renewed; it is valid until {until}.\n")
    return DONE


def show_status(directories: Directories, *, as_json: bool) -> int:
    """Show what the running agent says about itself."""
    if not is_enrolled(directories):
        read_enrolment(directories)
    status = ask_status(directories.status_socket)
    if as_json:
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(status)).decode() + "\n")
    else:
        sys.stdout.write(status_text(status))
    return DONE


def record_events(seconds: float | None, output: str) -> int:
    """Record to a file without any console."""
    record(seconds, output)
    return DONE


def ask_here(directories: Directories, sensor: str, parameters: Sequence[str]) -> int:
    """Become the process that runs one sensor and prints its rows."""
    filled = [f"--parameter={one}" for one in parameters]
    return _become_sensors(directories, "ask", *filled, "--", sensor)


def list_sensors(directories: Directories) -> int:
    """Become the process that lists the sensors of this computer."""
    return _become_sensors(directories, "list")


def _become_sensors(directories: Directories, *words: str) -> int:
    # What sensors need stays out of the other programs: they are small.
    sys.stdout.flush()
    os.execv(  # noqa: S606 -- our own program
        sys.executable, command_line(SENSORS, directories, *words)
    )


def remove_everything(directories: Directories, *, confirmed: bool, keep_data: bool) -> int:
    """Remove the agent, once somebody has said yes."""
    if not confirmed:
        what = "everything but recorded events" if keep_data else "everything, recorded events too"
        sys.stdout.write(f"Remove the Vedette agent from this computer: {what}? [y/N] ")
        sys.stdout.flush()
        if sys.stdin.readline().strip().lower() not in ("y", "yes"):
            sys.stdout.write("Nothing was removed.\n")
            return DECLINED
    remove_agent(directories, keep_data=keep_data, say=_say)
    return DONE


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
