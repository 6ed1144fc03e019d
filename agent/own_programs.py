"""How one program of the agent starts another one.

The agent stays in memory for months, so what stays is a program of its own, which holds nothing
that only a moment needs: `run` becomes it, and it starts `renew` when a certificate is due.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

from agent.directories import Directories

COMMANDS: Final = "agent"
RESIDENT: Final = "agent.resident"
SENSORS: Final = "agent.sensors"
HOME: Final = "--home"
VERBOSE: Final = "--verbose"

PROGRAM_FOLDER: Final = Path(__file__).resolve().parents[1]
"""Where Python finds the agent's packages when it is started there."""


def command_line(program: str, directories: Directories, *words: str) -> list[str]:
    """Return the command that starts a program of this agent on these directories."""
    home = [] if directories.home is None else [HOME, str(directories.home)]
    return [sys.executable, "-m", program, *home, *words]


def directories_named(words: list[str]) -> Directories:
    """Return the directories on which `command_line` started a program with these words."""
    if HOME not in words:
        return Directories.of_this_computer()
    return Directories.under(Path(words[words.index(HOME) + 1]))
