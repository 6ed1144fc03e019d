"""What makes an endpoint act. Every instruction travels inside a signed envelope.

The agent checks the signature before it decodes the rest, then audience, expiry and sequence
(see `protocol.signing`); only then the instruction reaches a handler.
"""

from __future__ import annotations

from typing import TypeAlias
from uuid import UUID

import msgspec

from protocol.questions import Filter, Selection


class Instruction(msgspec.Struct, kw_only=True, tag_field="t"):
    """The base of all instructions."""


class SignalRule(msgspec.Struct, kw_only=True):
    """One Signal as deployed to an endpoint."""

    intel_id: UUID
    revision: int
    name: str
    definition: str
    platforms: list[str]
    techniques: list[str] = []


class ApplyIntel(Instruction, tag="intel.apply"):
    """Replace everything that the engine evaluates by these rules."""

    revision: int
    signals: list[SignalRule]


class OpenSession(Instruction, tag="session.open"):
    """Dial the sessions service and attach to this live session.

    `address` is `host:port`; empty means the sessions service of the console where this endpoint
    enrolled, which it reaches by the name it enrolled with. The session's id goes into the
    WebSocket's path, `ticket` into its `Authorization: Ticket` header, because paths land in logs.
    """

    session_id: UUID
    address: str
    ticket: str


class ReplaceCertificate(Instruction, tag="certificate.replace"):
    """Ask for a new certificate over the enrolment service, with the present one as proof."""

    address: str


class AskQuestion(Instruction, tag="question.ask"):
    """Answer with the rows of these sensors, if `filter` is true here (None: always).

    Answered by `protocol.questions.QuestionAnswered`, which takes the place of
    `InstructionCompleted`. Reading only: it may be carried out again after a crash.
    """

    question_id: UUID
    selections: list[Selection]
    filter: Filter | None = None


AnyInstruction: TypeAlias = ApplyIntel | OpenSession | ReplaceCertificate | AskQuestion
