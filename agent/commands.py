"""What each command of the agent's command line does."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import msgspec

from agent.agent_log import begin_log
from agent.directories import Directories
from agent.enrolment import TrustAnchor, enrol
from agent.event_loop import new_event_loop
from agent.exceptions import AlreadyRunning
from agent.heap import share_one_arena
from agent.identity import is_enrolled, read_enrolment
from agent.instance import only_instance, running_process
from agent.program import AgentProgram
from agent.record import record
from agent.removal import remove_agent
from agent.settings import read_settings
from agent.status_socket import ask_status
from agent.status_text import instant_text, status_text

DONE = 0
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
    """Run the agent until it is told to stop."""
    enrolment = read_enrolment(directories)
    directories.create()
    settings = read_settings(directories.settings_file)
    with only_instance(directories.lock_file):
        begin_log(directories.log_file, verbose=verbose, to_terminal=sys.stderr.isatty())
        share_one_arena()
        program = AgentProgram(directories, settings, enrolment)
        try:
            with asyncio.Runner(loop_factory=new_event_loop) as runner:
                runner.run(program.run())
        finally:
            program.close()
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
