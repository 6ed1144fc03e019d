"""How a program of the agent ends: its exit code, and one sentence when it was refused.

Exit codes: 0 done; 1 refused or failed, with one sentence on standard error; 2 wrong usage;
3 no agent runs here; 4 this endpoint is not enrolled.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Final

from agent.exceptions import AgentError, NotEnrolled, NotRunning
from eventstore.exceptions import EventStoreError

DONE: Final = 0
FAILED: Final = 1
NOT_RUNNING: Final = 3
NOT_ENROLLED: Final = 4

SPEAKER: Final = "vedette-agent: "


def outcome_of(command: Callable[[], int]) -> int:
    """Carry out a command and return its exit code, whatever refuses it."""
    try:
        return command()
    except NotRunning as error:
        return _failed(error, NOT_RUNNING)
    except NotEnrolled as error:
        return _failed(error, NOT_ENROLLED)
    except (AgentError, EventStoreError, OSError) as error:
        return _failed(error, FAILED)
    except KeyboardInterrupt:
        return FAILED


def _failed(error: Exception, code: int) -> int:
    sys.stderr.write(f"{SPEAKER}{error}\n")
    return code
