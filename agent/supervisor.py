"""Run the parts of the agent, restart what fails, and stop everything in order.

A part is one coroutine that is meant to run for ever. One that fails is started again with
back-off while the others go on; until it has run well for a while, its failure stands among the
problems that the console shows.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from agent.backoff import Backoff
from agent.console_requests import shown

log = logging.getLogger(__name__)

FIRST_WAIT = 0.5
LONGEST_WAIT = 60.0
FINISH_TIMEOUT = 4.0
# A part that ran this long without failing is well again.
RECOVERED_AFTER = 60.0


@dataclass(frozen=True)
class Part:
    """One part: its name for people, the coroutine function that runs it, and a last word.

    `finish` is called when the agent stops, before the part is cancelled.
    """

    name: str
    run: Callable[[], Coroutine[Any, Any, None]]
    finish: Callable[[], Coroutine[Any, Any, None]] | None = None


@dataclass
class _Failure:
    sentence: str
    restarted_at: float | None = None


class Supervisor:
    """Keeps the parts running. They start in the order given and stop in the reverse one."""

    def __init__(self, parts: Sequence[Part], *, random: Random) -> None:
        self._parts = tuple(parts)
        self._random = random
        self._failures: dict[str, _Failure] = {}

    def problems(self) -> list[str]:
        """Say which parts failed lately; empty when all are well."""
        now = time.monotonic()
        for name, failure in list(self._failures.items()):
            restarted_at = failure.restarted_at
            if restarted_at is not None and now - restarted_at >= RECOVERED_AFTER:
                del self._failures[name]
        return [failure.sentence for failure in self._failures.values()]

    async def run(self, stop: asyncio.Event) -> None:
        """Run all parts until `stop` is set; every part has ended when this returns."""
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._keep(part), name=part.name) for part in self._parts]
            try:
                await stop.wait()
            finally:
                for part, task in reversed(list(zip(self._parts, tasks, strict=True))):
                    await self._finish(part)
                    task.cancel()
                    await asyncio.wait([task])

    async def _finish(self, part: Part) -> None:
        if part.finish is None:
            return
        try:
            async with asyncio.timeout(FINISH_TIMEOUT):
                await part.finish()
        # The boundary of the supervisor: one part that ends badly must not keep the others.
        except Exception:
            log.exception("%s did not finish", part.name)

    async def _keep(self, part: Part) -> None:
        backoff = Backoff(first=FIRST_WAIT, cap=LONGEST_WAIT, random=self._random)
        while True:
            started_at = time.monotonic()
            try:
                await part.run()
                reason = "it ended by itself"
            # The boundary of the supervisor: whatever a part fails of, the others must go on.
            except Exception as error:
                log.exception("%s failed", part.name)
                reason = shown(str(error)).rstrip(".") or type(error).__name__
            if time.monotonic() - started_at >= RECOVERED_AFTER:
                backoff.reset()
            failure = _Failure(f"The {part.name} failed and is started again: {reason}.")
            self._failures[part.name] = failure
            await asyncio.sleep(backoff.next_wait())
            failure.restarted_at = time.monotonic()
