"""Keep the workers that run sensors: started when a question comes, ended when none does.

The agent's own process never runs a sensor. At most four questions are answered at once; scripts
of users, which may take minutes, never take the last place, so that quick questions stay quick.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator

from agent.directories import Directories
from agent.exceptions import WorkerFailed
from agent.own_programs import PROGRAM_FOLDER, SENSORS, command_line
from agent.sensors.orders import LARGEST, LENGTH, REPLY, Encoded, Finished, JobBegun, Order, framed
from protocol.instructions import AskQuestion
from sensors.calls import distinct_calls

log = logging.getLogger(__name__)

MOST_WORKERS = 4
MOST_FOR_SCRIPTS = 3
IDLE_TIMEOUT = 30.0
IDLE_CHECK = 5.0
# Every sensor has its own, much shorter limit; this one is for a worker that went wrong itself.
ANSWER_TIMEOUT = 1800.0
END_TIMEOUT = 3.0
ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"}


async def start_child(directories: Directories, *words: str) -> Process:
    """Start a process of `agent.sensors`; it ends when its standard input is closed.

    What it says of its own faults goes where the agent's standard error goes: into the journal.
    """
    return await asyncio.create_subprocess_exec(
        *command_line(SENSORS, directories, *words),
        stdin=PIPE,
        stdout=PIPE,
        cwd=PROGRAM_FOLDER,
        env=ENVIRONMENT,
        # A signal from a terminal is for the agent, which ends its workers in order.
        start_new_session=True,
    )


async def end_child(process: Process) -> None:
    """Have a process of `agent.sensors` end, with all that it started."""
    if process.stdin is not None:
        process.stdin.close()
    try:
        await _ended(process)
    except TimeoutError:
        log.warning("a sensor process (%d) had to be killed", process.pid)
    finally:
        # Also when the agent has no time left to wait: what is killed has ended in a moment, and
        # nobody else would take notice of it.
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        with contextlib.suppress(TimeoutError):
            await _ended(process)


async def _ended(process: Process) -> None:
    """Wait shortly for the end of a process, and of its output: else the pipe would stay open."""
    async with asyncio.timeout(END_TIMEOUT):
        await process.communicate()


class _Worker:
    def __init__(self, process: Process) -> None:
        self.process = process
        self.idle_since = time.monotonic()

    async def carry_out(self, order: Order) -> tuple[list[Encoded], list[str]]:
        """Return the parts of the answer, and the jobs that it began. Raises `WorkerFailed`."""
        stdin, stdout = self.process.stdin, self.process.stdout
        if stdin is None or stdout is None:
            raise AssertionError("both were asked for as pipes")
        parts: list[Encoded] = []
        jobs: list[str] = []
        try:
            stdin.write(framed(order))
            await stdin.drain()
            while True:
                reply = await _read_reply(stdout)
                if isinstance(reply, Encoded):
                    parts.append(reply)
                elif isinstance(reply, JobBegun):
                    jobs.append(reply.job_id)
                else:
                    return parts, jobs
        except (OSError, asyncio.IncompleteReadError) as error:
            raise WorkerFailed("The process that runs the sensors ended unexpectedly.") from error


async def _read_reply(stdout: asyncio.StreamReader) -> Encoded | JobBegun | Finished:
    (length,) = LENGTH.unpack(await stdout.readexactly(LENGTH.size))
    if length > LARGEST:
        raise WorkerFailed("The process that runs the sensors answered nonsense.")
    return REPLY.decode(await stdout.readexactly(length))


class SensorWorkers:
    """The workers of one agent."""

    def __init__(
        self,
        directories: Directories,
        *,
        idle_timeout: float = IDLE_TIMEOUT,
        answer_timeout: float = ANSWER_TIMEOUT,
    ) -> None:
        self._directories = directories
        self._idle_timeout = idle_timeout
        self._answer_timeout = answer_timeout
        self._places = asyncio.Semaphore(MOST_WORKERS)
        self._places_for_scripts = asyncio.Semaphore(MOST_FOR_SCRIPTS)
        self._idle: list[_Worker] = []
        self._is_over = False

    async def answer(self, order: Order) -> tuple[list[Encoded], list[str]]:
        """Have a question answered; return its parts and the jobs that it began.

        Waits for a free worker. Cancelled or too late, it leaves nothing running. Raises
        `WorkerFailed`.
        """
        async with self._place_for(order.question):
            worker = self._take_idle()
            if worker is not None:
                # It may have died while nobody looked: then another one is asked.
                with contextlib.suppress(WorkerFailed):
                    return await self._carry_out(order, worker)
            return await self._carry_out(order, await self._start())

    async def run(self) -> None:
        """End workers that nobody needs any more, until cancelled."""
        self._is_over = False
        try:
            while True:
                await asyncio.sleep(min(IDLE_CHECK, self._idle_timeout))
                since = time.monotonic() - self._idle_timeout
                for worker in [worker for worker in self._idle if worker.idle_since <= since]:
                    self._idle.remove(worker)
                    await end_child(worker.process)
        finally:
            self._is_over = True
            while self._idle:
                await end_child(self._idle.pop().process)

    async def _carry_out(self, order: Order, worker: _Worker) -> tuple[list[Encoded], list[str]]:
        try:
            async with asyncio.timeout(self._answer_timeout):
                answered = await worker.carry_out(order)
        except TimeoutError as error:
            await end_child(worker.process)
            raise WorkerFailed("The sensors did not end in time.") from error
        except BaseException:
            await end_child(worker.process)
            raise
        if self._is_over:
            await end_child(worker.process)
        else:
            worker.idle_since = time.monotonic()
            self._idle.append(worker)
        return answered

    def _take_idle(self) -> _Worker | None:
        while self._idle:
            worker = self._idle.pop()
            if worker.process.returncode is None:
                return worker
        return None

    async def _start(self) -> _Worker:
        try:
            return _Worker(await start_child(self._directories, "serve"))
        except OSError as error:
            raise WorkerFailed(f"No process for sensors can be started: {error}.") from error

    @contextlib.asynccontextmanager
    async def _place_for(self, question: AskQuestion) -> AsyncIterator[None]:
        calls = distinct_calls(question.selections, question.filter).values()
        async with contextlib.AsyncExitStack() as stack:
            if any(call.script is not None for call in calls):
                await stack.enter_async_context(self._places_for_scripts)
            await stack.enter_async_context(self._places)
            yield
