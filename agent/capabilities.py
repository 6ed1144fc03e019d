"""Everything that a console can make this agent do, on one page.

Whoever steals a console (with its signing key) can have an endpoint do what stands in this
table, and nothing else: an instruction without a row is refused. Each row is one sentence in the
threat model. Only questions carry what an endpoint runs: scripts of users, signed with the rest.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Protocol

from agent.instructions import Handler
from protocol.instructions import (
    ApplyIntel,
    AskQuestion,
    Instruction,
    OpenSession,
    ReplaceCertificate,
)

EVERYWHERE = frozenset({"linux", "windows", "macos"})


class Powers(Protocol):
    """The parts of the agent that act on instructions."""

    async def apply_intel(self, instruction: ApplyIntel) -> str:
        """Replace the rules."""

    async def open_session(self, instruction: OpenSession) -> str:
        """Join a live session."""

    async def replace_certificate(self, instruction: ReplaceCertificate) -> str:
        """Renew the certificate."""

    async def answer_question(self, instruction: AskQuestion) -> str:
        """Run sensors and keep their answer for the console."""


@dataclass(frozen=True)
class Capability:
    """One thing that the console can have done, where, and in words for a reviewer."""

    instruction: type[Instruction]
    platforms: frozenset[str]
    power: str
    handler: Callable[[Powers], Callable[[Any], Awaitable[str]]]


CAPABILITIES = (
    Capability(
        ApplyIntel,
        EVERYWHERE,
        "Replace the rules that events are matched against. Rules read events; they cannot act.",
        lambda powers: powers.apply_intel,
    ),
    Capability(
        OpenSession,
        EVERYWHERE,
        "Dial the sessions service of this console and let an analyst search recorded events.",
        lambda powers: powers.open_session,
    ),
    Capability(
        ReplaceCertificate,
        EVERYWHERE,
        "Make a new key and have it certified by the pinned CA, for the same endpoint.",
        lambda powers: powers.replace_certificate,
    ),
    Capability(
        AskQuestion,
        EVERYWHERE,
        "Run the sensors of this agent, and scripts that came signed with the question, as the "
        "agent's user in a bounded process, and send back what they print.",
        lambda powers: powers.answer_question,
    ),
)


def handlers_for(platform: str, powers: Powers) -> dict[type, Handler]:
    """Return the handler of every instruction that this platform can carry out."""
    return {
        capability.instruction: capability.handler(powers)
        for capability in CAPABILITIES
        if platform in capability.platforms
    }


def capability_names(platform: str) -> list[str]:
    """Name the instructions that this platform can carry out, as `Hello` names them."""
    return [
        str(capability.instruction.__struct_config__.tag)
        for capability in CAPABILITIES
        if platform in capability.platforms
    ]
