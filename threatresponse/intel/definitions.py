"""Check what an author wrote before it becomes an intel document."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Final

from console.core.exceptions import InvalidInput
from console.endpoints.models import Endpoint
from detection.exceptions import SignalError
from detection.signals.compiler import CompiledSignal, compile_signal
from threatresponse.intel.exceptions import DefinitionRefused

# The 24 terms that a Signal may have are far shorter; a larger text is a mistake or an attack.
LONGEST_DEFINITION: Final = 64 * 1024
LONGEST_DESCRIPTION: Final = 64 * 1024
LONGEST_NAME: Final = 255
MOST_TECHNIQUES: Final = 64

_TECHNIQUE: Final = re.compile(r"T[0-9]{4}(\.[0-9]{3})?", re.ASCII)
_PLATFORMS: Final = tuple(Endpoint.OperatingSystem.values)


def compile_definition(definition: str, *, platforms: Collection[str]) -> CompiledSignal:
    """Check a Signal for these operating systems as endpoints will.

    Raises `DefinitionRefused` with the place.
    """
    if len(definition) > LONGEST_DEFINITION:
        raise InvalidInput(
            "The definition is too long.",
            errors={"definition": [f"at most {LONGEST_DEFINITION} characters are allowed"]},
        )
    try:
        return compile_signal("draft", definition, platforms=platforms)
    except SignalError as problem:
        raise DefinitionRefused(problem) from problem


def clean_name(name: str) -> str:
    """Return the name without blanks around it. Raises InvalidInput for none or an unfit one."""
    stripped = name.strip()
    if not stripped:
        raise InvalidInput("A name is missing.", errors={"name": ["may not be empty"]})
    if len(stripped) > LONGEST_NAME:
        reason = f"at most {LONGEST_NAME} characters are allowed"
        raise InvalidInput("The name is too long.", errors={"name": [reason]})
    if not stripped.isprintable():
        reason = "line breaks and control characters are not allowed"
        raise InvalidInput("The name cannot be shown.", errors={"name": [reason]})
    return stripped


def clean_platforms(platforms: Collection[str]) -> list[str]:
    """Return the operating systems, each once, in our order. Raises InvalidInput for others."""
    if unknown := sorted(set(platforms) - set(_PLATFORMS)):
        reason = f"{unknown[0]!r} is none of {', '.join(_PLATFORMS)}"
        raise InvalidInput("An operating system is unknown.", errors={"platforms": [reason]})
    if not platforms:
        reason = f"choose at least one of {', '.join(_PLATFORMS)}"
        raise InvalidInput("No operating system is chosen.", errors={"platforms": [reason]})
    return [platform for platform in _PLATFORMS if platform in platforms]


def clean_techniques(techniques: Collection[str]) -> list[str]:
    """Return MITRE ATT&CK technique ids (`T1059`, `T1059.004`), each once, sorted.

    Raises InvalidInput for text of another form, and for more than `MOST_TECHNIQUES`.
    """
    cleaned = sorted({technique.strip().upper() for technique in techniques})
    if len(cleaned) > MOST_TECHNIQUES:
        reason = f"at most {MOST_TECHNIQUES} are allowed"
        raise InvalidInput("Too many techniques.", errors={"techniques": [reason]})
    for technique in cleaned:
        if not _TECHNIQUE.fullmatch(technique):
            reason = f"{technique[:32]!r} is not a technique id such as T1059 or T1059.004"
            raise InvalidInput("A technique id is wrong.", errors={"techniques": [reason]})
    return cleaned
