"""The program that stays: what `python -m agent run` becomes.

It imports what a running agent needs and nothing else. Enrolment, renewal and the command line
bring libraries for keys, certificates and texts along, a tenth of all memory, for seconds of work
in months: they are programs of their own.
"""

from __future__ import annotations

import asyncio
import os
import sys

from agent.agent_log import begin_log
from agent.directories import Directories
from agent.heap import keep_small
from agent.identity import read_enrolment
from agent.instance import only_instance
from agent.outcomes import DONE, outcome_of
from agent.own_programs import RESIDENT, VERBOSE, command_line, directories_named
from agent.program import AgentProgram
from agent.settings import read_settings


def main(words: list[str]) -> int:
    """Run the agent on the directories that `own_programs.command_line` names."""
    return outcome_of(lambda: stay(directories_named(words), verbose=VERBOSE in words))


def stay(directories: Directories, *, verbose: bool) -> int:
    """Run the agent until it is told to stop."""
    enrolment = read_enrolment(directories)
    directories.create()
    settings = read_settings(directories.settings_file)
    with only_instance(directories.lock_file):
        begin_log(directories.log_file, verbose=verbose, to_terminal=sys.stderr.isatty())
        keep_small()
        program = AgentProgram(directories, settings, enrolment)
        try:
            asyncio.run(program.run())
        finally:
            program.close()
    if program.begins_again:
        words = [VERBOSE] if verbose else []
        os.execv(  # noqa: S606 -- our own program
            sys.executable, command_line(RESIDENT, directories, *words)
        )
    return DONE


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
