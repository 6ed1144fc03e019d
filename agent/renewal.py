"""Renew the endpoint's certificate in time, or when the console asks for it."""

from __future__ import annotations

import asyncio
import logging
from random import Random

from agent.addresses import Address, read_address
from agent.clock import ConsoleClock
from agent.console_requests import shown
from agent.directories import Directories
from agent.enrolment import renew_certificate
from agent.exceptions import AgentError, InstructionRefused
from agent.identity import Enrolment
from agent.status_text import instant_text
from protocol.instructions import ReplaceCertificate

log = logging.getLogger(__name__)

# An expired certificate is a problem of days; nobody needs to look more often.
LOOK_EVERY = 3600.0
RETRY_AFTER = 900.0


class Renewal:
    """Keeps the certificate fresh: at two thirds of its life a new one is fetched."""

    def __init__(
        self,
        *,
        directories: Directories,
        enrolment: Enrolment,
        clock: ConsoleClock,
        random: Random,
    ) -> None:
        self._directories = directories
        self._clock = clock
        self._random = random
        self._renewing = asyncio.Lock()
        self._problem = ""
        self.enrolment = enrolment

    def problems(self) -> list[str]:
        """Say that renewal fails; empty while all is well."""
        return [self._problem] if self._problem else []

    async def run(self) -> None:
        """Renew whenever it is due, until cancelled."""
        while True:
            wait = LOOK_EVERY
            if self._clock.now() >= self.enrolment.renew_at:
                try:
                    await self._renew()
                except (AgentError, OSError) as error:
                    until = instant_text(self.enrolment.certificate_until_at)
                    self._problem = (
                        f"The certificate (valid until {until}) cannot be renewed: "
                        f"{shown(str(error))}"
                    )
                    log.warning("%s", self._problem)
                    wait = RETRY_AFTER
            await asyncio.sleep(wait * self._random.uniform(0.8, 1.2))

    async def replace(self, instruction: ReplaceCertificate) -> str:
        """Renew now, because the console asks for it. Raises as `renew_certificate` does."""
        try:
            address = read_address(instruction.address)
        except ValueError as error:
            raise InstructionRefused(str(error)) from error
        if address.host != self.enrolment.sessions_address.host:
            raise InstructionRefused(f"{address.host} is not where this endpoint was enrolled")
        await self._renew(address)
        return f"valid until {instant_text(self.enrolment.certificate_until_at)}"

    async def _renew(self, address: Address | None = None) -> None:
        async with self._renewing:
            self.enrolment = await asyncio.to_thread(renew_certificate, self._directories, address)
        self._problem = ""
        log.info("the certificate was renewed")
