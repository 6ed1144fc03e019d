"""The certificate is renewed in time, only from the own console, and failures are told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from random import SystemRandom

import msgspec
import pytest

from agent.clock import ConsoleClock
from agent.directories import Directories
from agent.exceptions import InstructionRefused, RenewalFailed
from agent.identity import Enrolment, read_enrolment, write_enrolment
from agent.renewal import Renewal
from protocol.instructions import ReplaceCertificate
from tests.agent.authority import Authority
from tests.agent.enrolment_server import EnrolmentServer, problem, serving
from tests.agent.gateway import eventually, now


@pytest.fixture
def service(
    authority: Authority, enrolled: Enrolment, directories: Directories, tmp_path: Path
) -> Iterator[EnrolmentServer]:
    server = EnrolmentServer(authority, endpoint_id=enrolled.endpoint_id, days=30)
    with serving(server, authority.server_context(tmp_path, mutual=True)):
        write_enrolment(directories, msgspec.structs.replace(enrolled, sessions=server.address))
        yield server


@pytest.fixture
def renewal(service: EnrolmentServer, directories: Directories) -> Renewal:
    return Renewal(
        directories=directories,
        enrolment=read_enrolment(directories),
        clock=ConsoleClock(),
        random=SystemRandom(),
    )


@asynccontextmanager
async def running(renewal: Renewal) -> AsyncIterator[None]:
    async with asyncio.TaskGroup() as group:
        task = group.create_task(renewal.run())
        yield
        task.cancel()


class TestRenewal:
    async def test_leaves_a_fresh_certificate_alone(
        self, renewal: Renewal, service: EnrolmentServer
    ) -> None:
        async with running(renewal):
            await asyncio.sleep(0.05)

        assert service.requests == []

    async def test_renews_at_two_thirds_of_life_by_the_consoles_clock(
        self, directories: Directories, service: EnrolmentServer
    ) -> None:
        enrolment = read_enrolment(directories)
        clock = ConsoleClock()
        clock.set(enrolment.renew_at + 1)
        renewal = Renewal(
            directories=directories, enrolment=enrolment, clock=clock, random=SystemRandom()
        )

        async with running(renewal):
            await eventually(lambda: renewal.enrolment != enrolment)

        assert [path for path, _ in service.requests] == ["/certificate/renew"]
        assert renewal.enrolment.certificate_until_at > now() + 20 * 86_400_000_000
        assert renewal.problems() == []

    async def test_tells_that_it_fails(
        self, directories: Directories, service: EnrolmentServer
    ) -> None:
        service.answer = problem(403, "This endpoint was revoked")
        enrolment = msgspec.structs.replace(read_enrolment(directories), renew_at=0)
        renewal = Renewal(
            directories=directories,
            enrolment=enrolment,
            clock=ConsoleClock(),
            random=SystemRandom(),
        )

        async with running(renewal):
            await eventually(renewal.problems)

        assert "cannot be renewed" in renewal.problems()[0]
        assert "revoked" in renewal.problems()[0]

    async def test_keeps_the_certificate_when_it_fails(
        self, renewal: Renewal, directories: Directories, service: EnrolmentServer
    ) -> None:
        before = directories.identity_file.read_bytes(), renewal.enrolment
        service.answer = problem(403, "This endpoint was revoked")

        with pytest.raises(RenewalFailed) as caught:
            await renewal.replace(ReplaceCertificate(address=service.address))

        assert str(caught.value) == "The console refused: This endpoint was revoked."
        assert (directories.identity_file.read_bytes(), renewal.enrolment) == before

    async def test_does_not_wait_for_ever(
        self, renewal: Renewal, service: EnrolmentServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("agent.renewal.LONGEST_RENEWAL", 0.001)

        with pytest.raises(RenewalFailed, match="No new certificate"):
            await renewal.replace(ReplaceCertificate(address=service.address))

    async def test_obeys_the_console(self, renewal: Renewal, service: EnrolmentServer) -> None:
        detail = await renewal.replace(ReplaceCertificate(address=service.address))

        assert detail.startswith("valid until")
        assert len(service.requests) == 1

    @pytest.mark.parametrize("address", ["elsewhere.example:17475", "nonsense", ""])
    async def test_refuses_to_go_elsewhere(self, renewal: Renewal, address: str) -> None:
        with pytest.raises(InstructionRefused):
            await renewal.replace(ReplaceCertificate(address=address))
