"""Renew the endpoint's certificate in time, or when the console asks for it.

A program of its own does it (`python -m agent renew`): it takes what makes and reads certificates
along when it ends.
"""

from __future__ import annotations

import asyncio
import logging
from random import Random

from agent.addresses import Address, read_address
from agent.clock import ConsoleClock
from agent.console_requests import shown
from agent.directories import Directories
from agent.exceptions import AgentError, InstructionRefused, RenewalFailed
from agent.identity import Enrolment, read_enrolment
from agent.outcomes import DONE, SPEAKER
from agent.own_programs import COMMANDS, PROGRAM_FOLDER, command_line
from agent.status_text import instant_text
from protocol.instructions import ReplaceCertificate

log = logging.getLogger(__name__)

# An expired certificate is a problem of days; nobody needs to look more often.
LOOK_EVERY = 3600.0
RETRY_AFTER = 900.0
# Connecting and waiting for the answer have shorter limits of their own.
LONGEST_RENEWAL = 120.0


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
        """Renew now, because the console asks for it.

        Raises `InstructionRefused` or `RenewalFailed`; the present certificate then still stands.
        """
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
            words = () if address is None else ("--console", str(address))
            await _carry_out(command_line(COMMANDS, self._directories, "renew", *words))
            self.enrolment = read_enrolment(self._directories)
        self._problem = ""
        log.info("the certificate was renewed")


async def _carry_out(command: list[str]) -> None:
    """Run a program of ours to its end. Raises `RenewalFailed` with what it said."""
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=PROGRAM_FOLDER,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(LONGEST_RENEWAL):
            _, said = await process.communicate()
    except TimeoutError as error:
        raise RenewalFailed(f"No new certificate within {LONGEST_RENEWAL:.0f} s.") from error
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode != DONE:
        sentence = said.decode("utf-8", "replace").strip().removeprefix(SPEAKER)
        raise RenewalFailed(sentence or f"The renewal ended with code {process.returncode}.")
