"""Obey signed instructions: verify, remember, act, report.

The order is what protects the endpoint: an instruction is remembered on disk *before* it acts,
so that neither a crash nor a recording of the channel makes it act twice. What was under way
when the agent died is reported as failed at the next start.

Questions go the other way round: they only read, so they are remembered once the answer is kept,
and an agent that was killed in the middle answers when the gateway asks again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any
from uuid import uuid5

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from agent.clock import MICROSECONDS, ConsoleClock
from agent.console_requests import shown
from agent.durable_file import write_durably
from agent.exceptions import AgentError, InstructionRefused, SettingsInvalid
from agent.identity import Enrolment
from protocol.exceptions import InstructionRefused as EnvelopeRefused
from protocol.exceptions import ReplayedInstruction, UnreadableInstruction
from protocol.instructions import AnyInstruction
from protocol.limits import CLOCK_DIFFERENCE
from protocol.messages import InstructionCompleted
from protocol.signing import FLEET, Opened, Verifier

log = logging.getLogger(__name__)

WAITING = 32
DONE, REFUSED, FAILED = "done", "refused", "failed"

Handler = Callable[[Any], Awaitable[str]]
Report = Callable[[InstructionCompleted], None]


class _Accepted(msgspec.Struct, frozen=True):
    audience: str
    sequence: int


class _Memory(msgspec.Struct):
    """What must survive: what was accepted, and what is under way.

    `fleet` maps the accepted sequences of the fleet to when they expire, in µs.
    """

    sequences: dict[str, int] = {}
    unfinished: list[_Accepted] = []
    fleet: dict[int, int] = {}


class Instructions:
    """Carries out what the console signed, and nothing else."""

    def __init__(
        self,
        *,
        enrolment: Enrolment,
        memory_file: Path,
        clock: ConsoleClock,
        handlers: Mapping[type, Handler],
        report: Report,
    ) -> None:
        """Read what was accepted before. Raises `SettingsInvalid` when that is unreadable."""
        self._endpoint_id = enrolment.endpoint_id
        self._memory_file = memory_file
        self._memory = _read_memory(memory_file)
        self._clock = clock
        self._handlers = handlers
        self._report = report
        self._waiting: asyncio.Queue[bytes] = asyncio.Queue(WAITING)
        self._verifier = Verifier(
            trusted_keys=[_public_key(key.public_key) for key in enrolment.signing_keys],
            endpoint_id=enrolment.endpoint_id,
            sequences=self._memory.sequences,
            fleet=self._memory.fleet,
        )
        self._answering: set[int] = set()
        self.refused = 0
        self.repeated = 0
        self.last_refusal = ""

    @property
    def sequence(self) -> int:
        """The highest sequence that this endpoint accepted for itself."""
        return self._verifier.sequences.get(str(self._endpoint_id), 0)

    def problems(self) -> list[str]:
        """Say what was refused since the start: none of it should ever arrive."""
        if not self.refused:
            return []
        return [f"{self.refused} instructions were refused, the last because: {self.last_refusal}."]

    async def receive(self, envelope: bytes) -> None:
        """Take an envelope as it arrived; waits while many others are under way."""
        await self._waiting.put(envelope)

    async def run(self) -> None:
        """Carry out what arrives, until cancelled."""
        self._report_unfinished()
        async with asyncio.TaskGroup() as group:
            while True:
                envelope = await self._waiting.get()
                opened = self._open(envelope)
                if opened is None:
                    continue
                if opened.audience == FLEET:
                    self._begin_answer(opened, group)
                else:
                    self._begin(opened, group)

    def _open(self, envelope: bytes) -> Opened | None:
        try:
            return self._verifier.check(envelope, now=self._clock.now())
        except UnreadableInstruction as error:
            self._refuse(error)
            unknown = _Accepted(str(self._endpoint_id), error.sequence)
            self._complete(unknown, REFUSED, "this agent does not know such an instruction")
        except ReplayedInstruction as error:
            # Gateways repeat what they have not seen completed: told to nobody, and no problem.
            self.repeated += 1
            log.debug("an instruction came again: %s", error)
        except EnvelopeRefused as error:
            # Nobody is told: the sequence in it is not known to be the console's.
            self._refuse(error)
        return None

    def _begin(self, opened: Opened, group: asyncio.TaskGroup) -> None:
        before = dict(self._verifier.sequences)
        accepted = _Accepted(opened.audience, opened.sequence)
        self._verifier.accept(opened)
        try:
            self._remember(accepted)
        except OSError as error:
            # Not obeyed and not answered: the console sends it again, and then it may work.
            self._verifier.sequences = before
            self._memory.sequences = dict(before)
            self._memory.unfinished.remove(accepted)
            self._refuse(error)
            return
        group.create_task(self._carry_out(opened.instruction, accepted))

    def _begin_answer(self, opened: Opened, group: asyncio.TaskGroup) -> None:
        if opened.sequence in self._answering:
            # A new connection asks again while the answer is still being made.
            self.repeated += 1
            return
        self._answering.add(opened.sequence)
        group.create_task(self._answer(opened))

    async def _answer(self, opened: Opened) -> None:
        """Answer a question while somebody may still want to know; then remember it."""
        handler = self._handlers.get(type(opened.instruction), _refuse_unknown)
        left = opened.expires_at - self._clock.now() + CLOCK_DIFFERENCE
        try:
            async with asyncio.timeout(left / MICROSECONDS):
                detail = await handler(opened.instruction)
            self._verifier.accept(opened)
            self._memory.fleet = dict(self._verifier.fleet.accepted)
            self._save()
        except TimeoutError:
            log.info("question %d expired before it was answered", opened.sequence)
        except InstructionRefused as error:
            self._refuse(error)
        except OSError as error:
            # It is answered: at worst it is answered once more, under the same ids.
            log.warning("question %d was not noted: %s", opened.sequence, error)
        # The boundary between one question and the agent, as for instructions.
        except Exception as error:
            log.exception("question %d failed", opened.sequence)
            self._refuse(error)
        else:
            log.info("question %d: %s", opened.sequence, detail)
        finally:
            self._answering.discard(opened.sequence)

    async def _carry_out(self, instruction: AnyInstruction, accepted: _Accepted) -> None:
        handler = self._handlers.get(type(instruction), _refuse_unknown)
        try:
            outcome, detail = DONE, await handler(instruction)
        except InstructionRefused as error:
            outcome, detail = REFUSED, str(error)
        except (AgentError, OSError) as error:
            outcome, detail = FAILED, shown(str(error))
        # The boundary between one instruction and the agent: a handler's fault is reported to
        # the console, and must not take the other instructions with it.
        except Exception as error:
            log.exception("instruction %d failed", accepted.sequence)
            outcome, detail = FAILED, f"unexpected: {type(error).__name__}"
        self._complete(accepted, outcome, detail)
        self._forget(accepted)

    def _remember(self, accepted: _Accepted) -> None:
        self._memory.sequences = dict(self._verifier.sequences)
        self._memory.unfinished.append(accepted)
        self._save()

    def _forget(self, accepted: _Accepted) -> None:
        self._memory.unfinished.remove(accepted)
        try:
            self._save()
        except OSError as error:
            # At worst its outcome is reported twice, under the same id.
            log.warning("the end of instruction %d was not noted: %s", accepted.sequence, error)

    def _save(self) -> None:
        write_durably(self._memory_file, msgspec.json.encode(self._memory))

    def _report_unfinished(self) -> None:
        for accepted in list(self._memory.unfinished):
            self._complete(accepted, FAILED, "the agent was stopped before it had finished")
            self._forget(accepted)

    def _complete(self, accepted: _Accepted, outcome: str, detail: str) -> None:
        log.info("instruction %d: %s %s", accepted.sequence, outcome, detail)
        # The same instruction always completes under the same id: the first outcome counts.
        name = f"{accepted.audience}/{accepted.sequence}/completed"
        self._report(
            InstructionCompleted(
                id=uuid5(self._endpoint_id, name),
                sequence=accepted.sequence,
                outcome=outcome,
                detail=detail,
            )
        )

    def _refuse(self, error: Exception) -> None:
        self.refused += 1
        self.last_refusal = shown(str(error))
        log.warning("an instruction was refused: %s: %s", type(error).__name__, self.last_refusal)


async def _refuse_unknown(_instruction: AnyInstruction) -> str:
    raise InstructionRefused("this endpoint has no such capability")


def _read_memory(path: Path) -> _Memory:
    try:
        return msgspec.json.decode(path.read_bytes(), type=_Memory)
    except FileNotFoundError:
        return _Memory()
    except msgspec.DecodeError as error:
        # Starting over would let old instructions in again.
        raise SettingsInvalid(f"{path} is damaged ({error}): enrol this endpoint again.") from error


def _public_key(raw: bytes) -> Ed25519PublicKey:
    try:
        return Ed25519PublicKey.from_public_bytes(raw)
    except ValueError as error:
        raise SettingsInvalid("The enrolment holds a signing key that is not Ed25519.") from error
