"""Regular expressions in questions and parameters, through RE2 only.

RE2 matches in time linear in the text, whatever the pattern: nobody who asks a question can stop
an endpoint with an exploding expression. Case never counts, `.` matches line breaks too, and a
pattern must match the whole text.
"""

from __future__ import annotations

import functools
from typing import Final, Protocol, cast

import re2

from sensors.exceptions import ConditionRefused

MEMORY_BYTES: Final = 2 * 1024 * 1024
"""What one compiled pattern may take; a larger one is refused."""

INSTRUCTIONS: Final = 4096
"""How large one compiled pattern may be: what a match costs for each character, at worst."""


class Pattern(Protocol):
    """A compiled pattern."""

    programsize: int

    def fullmatch(self, text: str | bytes) -> object | None:
        """Return a match object when the whole text matches."""


@functools.lru_cache(maxsize=256)
def compile_pattern(pattern: str) -> Pattern:
    """Compile a pattern for whole-text matching without regard to case.

    Raises `ConditionRefused` for what RE2 does not know (look-around, back references), for
    repetitions over 1000 and for patterns larger than `MEMORY_BYTES` or `INSTRUCTIONS`.
    """
    options = re2.Options()
    options.log_errors = False
    options.max_mem = MEMORY_BYTES
    options.case_sensitive = False
    options.dot_nl = True
    # Nobody asks which group matched what, and finding out is slow: with `(a|b)*` five hundred
    # times, a megabyte takes minutes instead of milliseconds.
    options.never_capture = True
    try:
        compiled = cast(Pattern, re2.compile(pattern, options))
    except re2.error as error:
        raise ConditionRefused(f"RE2 refuses this pattern: {_reason(error)}") from error
    except UnicodeEncodeError as error:
        raise ConditionRefused("the pattern is not valid Unicode") from error
    if compiled.programsize > INSTRUCTIONS:
        raise ConditionRefused("this pattern is too large: use fewer or smaller repetitions")
    return compiled


def _reason(error: Exception) -> str:
    reason = error.args[0]
    return reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)
