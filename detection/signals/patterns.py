"""Regular expressions and wildcards, both through RE2 only.

RE2 matches in time linear in the text, whatever the pattern: no rule writer can stop an endpoint
with an exploding expression. Case never counts, `.` matches line breaks too (an attacker may put
one into a command line), and a pattern must match the whole text.
"""

from __future__ import annotations

import functools
import re
from typing import Protocol, cast

import re2

MAX_MEMORY_BYTES = 2 * 1024 * 1024
"""What one compiled pattern may take; a larger one is refused."""


class PatternRefused(ValueError):
    """RE2 cannot use the pattern; the message says why."""


class Pattern(Protocol):
    """A compiled pattern."""

    def fullmatch(self, text: str) -> object | None:
        """Return a match object when the whole text matches."""


@functools.lru_cache(maxsize=4096)
def compile_pattern(pattern: str) -> Pattern:
    """Compile a pattern for whole-text matching without regard to case.

    Raises `PatternRefused` for what RE2 does not know (look-around, back references), for
    repetitions over 1000 and for patterns that would need more than `MAX_MEMORY_BYTES`.
    """
    options = re2.Options()
    options.log_errors = False
    options.max_mem = MAX_MEMORY_BYTES
    options.case_sensitive = False
    options.dot_nl = True
    # Nobody asks for groups, and finding them costs minutes for some patterns on a long text.
    options.never_capture = True
    try:
        return cast(Pattern, re2.compile(pattern, options))
    except re2.error as error:
        reason = error.args[0]
        text = reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)
        raise PatternRefused(text) from error


def escape_pattern(text: str) -> str:
    """Write text so that a pattern takes every character for itself."""
    return cast(str, re2.escape(text))


_PIECES = re.compile(r"\.\*|\.|\\([^a-zA-Z0-9])|([^\\.*+?()|\[\]{}^$])|(.)", re.DOTALL)


def literals_in(pattern: str) -> list[str]:
    """List texts that every match must hold, for the prefilter; empty when that is not certain.

    Understands literal characters, escaped punctuation, `.` and `.*`; anything else (classes,
    alternatives, repetitions) gives nothing. Only ASCII counts: RE2 and `fold` agree on its case.
    """
    found: list[str] = []
    run: list[str] = []
    for piece in _PIECES.finditer(pattern):
        escaped, plain, other = piece.groups()
        if other:
            return []
        character = escaped or plain
        if character and character.isascii():
            run.append(character)
        elif run:
            found.append("".join(run))
            run = []
    if run:
        found.append("".join(run))
    return found
