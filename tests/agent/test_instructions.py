"""Signed instructions: obeyed once, in time, by the right endpoint, and remembered first."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import UUID, uuid4

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from agent.clock import ConsoleClock
from agent.exceptions import ConsoleUnreachable, InstructionRefused, SettingsInvalid
from agent.identity import Enrolment, SigningKey
from agent.instructions import Handler, Instructions
from protocol.instructions import ApplyIntel, OpenSession
from protocol.messages import InstructionCompleted
from tests.agent.gateway import Gateway, eventually, now

HOUR = 3600 * 1_000_000


class Endpoint:
    """Instructions with handlers that note what they were asked."""

    def __init__(self, folder: Path, gateway: Gateway, endpoint_id: UUID) -> None:
        self.obeyed: list[object] = []
        self.outcomes: list[InstructionCompleted] = []
        self.memory_file = folder / "instructions.json"
        self.clock = ConsoleClock()
        self.handlers: dict[type, Handler] = {ApplyIntel: self._obey}
        self.enrolment = Enrolment(
            endpoint_id=endpoint_id,
            enrolment_address="console:1",
            gateway="console:1",
            sessions="console:1",
            signing_keys=[SigningKey("k", gateway.key.public_key().public_bytes_raw())],
            certificate_from_at=0,
            certificate_until_at=0,
            renew_at=0,
        )
        self.instructions = self.begin()

    def begin(self) -> Instructions:
        self.instructions = Instructions(
            enrolment=self.enrolment,
            memory_file=self.memory_file,
            clock=self.clock,
            handlers=self.handlers,
            report=self.outcomes.append,
        )
        return self.instructions

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Instructions]:
        async with asyncio.TaskGroup() as group:
            task = group.create_task(self.instructions.run())
            yield self.instructions
            task.cancel()

    async def _obey(self, instruction: object) -> str:
        # Whatever acts must find itself remembered already.
        assert self.instructions.sequence or self.memory_file.exists()
        self.obeyed.append(instruction)
        return "well done"


@pytest.fixture
def console() -> Gateway:
    return Gateway()


@pytest.fixture
def endpoint(tmp_path: Path, console: Gateway) -> Endpoint:
    return Endpoint(tmp_path, console, console.endpoint_id)


APPLY = ApplyIntel(revision=1, signals=[])


class TestInstructions:
    async def test_are_obeyed_and_reported(self, endpoint: Endpoint, console: Gateway) -> None:
        envelope = console.sealed(APPLY, sequence=1, audience=endpoint.enrolment.endpoint_id)

        async with endpoint.running() as instructions:
            await instructions.receive(envelope)
            await eventually(lambda: endpoint.outcomes)

        assert endpoint.obeyed == [APPLY]
        assert endpoint.outcomes[0].outcome == "done"
        assert endpoint.outcomes[0].detail == "well done"
        assert endpoint.outcomes[0].sequence == 1

    async def test_are_obeyed_once_even_after_a_restart(
        self, endpoint: Endpoint, console: Gateway
    ) -> None:
        envelope = console.sealed(APPLY, sequence=1)
        async with endpoint.running() as instructions:
            await instructions.receive(envelope)
            await instructions.receive(envelope)
            await eventually(lambda: instructions.repeated)
        endpoint.begin()

        async with endpoint.running() as instructions:
            await instructions.receive(envelope)
            await eventually(lambda: instructions.repeated)

        assert len(endpoint.obeyed) == 1
        assert len(endpoint.outcomes) == 1
        # Gateways repeat what they have not seen completed: nothing to worry about.
        assert endpoint.instructions.problems() == []

    @pytest.mark.parametrize("ago", [2, -2], ids=["expired", "from the future"])
    async def test_are_refused_out_of_time(
        self, endpoint: Endpoint, console: Gateway, ago: int
    ) -> None:
        issued_at = now() - ago * HOUR
        envelope = console.sealed(
            APPLY, sequence=1, issued_at=issued_at, expires_at=issued_at + HOUR
        )

        async with endpoint.running() as instructions:
            await instructions.receive(envelope)
            await eventually(lambda: instructions.refused)

        assert endpoint.obeyed == []
        assert "1 instructions were refused" in endpoint.instructions.problems()[0]

    async def test_expire_by_the_consoles_clock(self, endpoint: Endpoint, console: Gateway) -> None:
        # This computer's clock is a day behind: only the console's time is right.
        endpoint.clock.set(now() + 24 * HOUR)
        issued_at = now() + 24 * HOUR
        envelope = console.sealed(
            APPLY, sequence=1, issued_at=issued_at, expires_at=issued_at + HOUR
        )

        async with endpoint.running() as instructions:
            await instructions.receive(envelope)
            await eventually(lambda: endpoint.outcomes)

        assert endpoint.obeyed == [APPLY]

    async def test_for_another_endpoint_are_refused(
        self, endpoint: Endpoint, console: Gateway
    ) -> None:
        async with endpoint.running() as instructions:
            await instructions.receive(console.sealed(APPLY, sequence=1, audience=uuid4()))
            await eventually(lambda: instructions.refused)

        assert endpoint.obeyed == []
        assert endpoint.outcomes == []

    async def test_signed_by_somebody_else_are_refused(
        self, endpoint: Endpoint, console: Gateway
    ) -> None:
        forged = console.sealed(APPLY, sequence=1, key=Ed25519PrivateKey.generate())
        tampered = bytearray(console.sealed(APPLY, sequence=1))
        tampered[-1] ^= 1

        async with endpoint.running() as instructions:
            for envelope in (forged, bytes(tampered), b"", b"garbage" * 100):
                await instructions.receive(envelope)
            await eventually(lambda: instructions.refused == 4)

        assert endpoint.obeyed == []
        assert not endpoint.memory_file.exists()

    async def test_without_a_row_in_the_table_are_refused(
        self, endpoint: Endpoint, console: Gateway
    ) -> None:
        unknown = OpenSession(session_id=uuid4(), address="a:1", ticket="t")

        async with endpoint.running() as instructions:
            await instructions.receive(console.sealed(unknown, sequence=1))
            await eventually(lambda: endpoint.outcomes)

        assert endpoint.outcomes[0].outcome == "refused"
        assert "no such capability" in endpoint.outcomes[0].detail

    @pytest.mark.parametrize(
        ("error", "outcome", "detail"),
        [
            (InstructionRefused("not here"), "refused", "not here"),
            (ConsoleUnreachable("no way"), "failed", "no way"),
            (OSError(28, "No space left on device"), "failed", "No space left"),
            (ZeroDivisionError("x"), "failed", "ZeroDivisionError"),
        ],
    )
    async def test_report_how_they_failed(
        self,
        endpoint: Endpoint,
        console: Gateway,
        error: Exception,
        outcome: str,
        detail: str,
    ) -> None:
        async def fail(_instruction: object) -> str:
            raise error

        endpoint.handlers[ApplyIntel] = fail

        async with endpoint.running() as instructions:
            await instructions.receive(console.sealed(APPLY, sequence=1))
            await eventually(lambda: endpoint.outcomes)

        assert endpoint.outcomes[0].outcome == outcome
        assert detail in endpoint.outcomes[0].detail

    async def test_that_were_interrupted_are_reported_at_the_next_start(
        self, endpoint: Endpoint, console: Gateway
    ) -> None:
        begun = asyncio.Event()

        async def hang(_instruction: object) -> str:
            begun.set()
            await asyncio.Event().wait()
            return "never"

        endpoint.handlers[ApplyIntel] = hang
        async with endpoint.running() as instructions:
            await instructions.receive(console.sealed(APPLY, sequence=7))
            await begun.wait()
        endpoint.begin()

        async with endpoint.running():
            await eventually(lambda: endpoint.outcomes)

        assert endpoint.outcomes[0].sequence == 7
        assert endpoint.outcomes[0].outcome == "failed"
        assert "stopped before" in endpoint.outcomes[0].detail

    async def test_complete_under_the_same_id_whatever_happens(
        self, endpoint: Endpoint, console: Gateway
    ) -> None:
        async with endpoint.running() as instructions:
            await instructions.receive(console.sealed(APPLY, sequence=1))
            await eventually(lambda: endpoint.outcomes)
        endpoint.memory_file.write_bytes(
            msgspec.json.encode(
                {
                    "sequences": {str(console.endpoint_id): 1},
                    "unfinished": [{"audience": str(console.endpoint_id), "sequence": 1}],
                }
            )
        )
        endpoint.begin()

        async with endpoint.running():
            await eventually(lambda: len(endpoint.outcomes) == 2)

        assert endpoint.outcomes[0].id == endpoint.outcomes[1].id

    async def test_do_not_act_when_they_cannot_be_remembered(
        self, endpoint: Endpoint, console: Gateway
    ) -> None:
        # A folder in the place of the draft: the write fails as on a broken disk, for root too.
        draft = endpoint.memory_file.with_name(f".{endpoint.memory_file.name}.new")
        draft.mkdir()

        async with endpoint.running() as instructions:
            await instructions.receive(console.sealed(APPLY, sequence=1))
            await eventually(lambda: instructions.refused)
            assert endpoint.obeyed == []
            draft.rmdir()
            await instructions.receive(console.sealed(APPLY, sequence=1))
            await eventually(lambda: endpoint.outcomes)

        assert [o.outcome for o in endpoint.outcomes] == ["done"]
        assert len(endpoint.obeyed) == 1

    def test_are_not_taken_on_with_a_damaged_memory(self, endpoint: Endpoint) -> None:
        endpoint.memory_file.write_text("{broken")

        with pytest.raises(SettingsInvalid, match="damaged"):
            endpoint.begin()
