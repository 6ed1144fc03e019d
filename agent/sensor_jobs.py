"""Run the jobs that heavy sensors began: a few at once, oldest first, in low-priority processes.

A search of a whole disk must not hold up a job of seconds, nor may jobs take the endpoint: so
three at most run side by side, and of two that would do the same the later one waits.

Jobs stand in their folder, so none is lost with the agent: those that waited are run at the next
start, one that ran then is marked as failed, because nobody knows what it did to the endpoint.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from agent.clock import wall_time
from agent.directories import Directories
from agent.sensor_workers import end_child, start_child
from agent.sensors.exceptions import SensorFailed
from agent.sensors.job_folder import Job, JobFolder, Standing

log = logging.getLogger(__name__)

AT_ONCE: Final = 3


class SensorJobs:
    """The jobs of one agent."""

    def __init__(self, directories: Directories) -> None:
        self._directories = directories
        self._folder = JobFolder(directories.jobs)
        self._news = asyncio.Event()
        self._running: dict[str, Job] = {}

    def notify(self) -> None:
        """Say that there is a new job."""
        self._news.set()

    async def run(self) -> None:
        """Run jobs until cancelled."""
        self._folder.fail_interrupted(now=wall_time())
        async with asyncio.TaskGroup() as group:
            while True:
                self._news.clear()
                for job in self._folder.waiting():
                    if self._may_begin(job):
                        self._running[job.id] = job
                        group.create_task(self._run(job))
                await self._news.wait()

    def _may_begin(self, job: Job) -> bool:
        if job.id in self._running or len(self._running) >= AT_ONCE:
            return False
        return all(other.work != job.work for other in self._running.values())

    async def _run(self, job: Job) -> None:
        log.info("job %s begins", job.id)
        try:
            standing = await self._carry_out(job.id)
        finally:
            del self._running[job.id]
            self._news.set()
        if standing is not None:
            log.info("job %s: %s %s", job.id, standing.state, standing.reason)

    async def _carry_out(self, job_id: str) -> Standing | None:
        """Run a job to its end; return how it ended, or None when it is gone."""
        try:
            process = await start_child(self._directories, "job", job_id)
        except OSError as error:
            reason = f"No process for the job can be started: {error}."
            return self._folder.fail(job_id, reason, now=wall_time())
        try:
            await process.wait()
        finally:
            # When the agent stops, so does the job: its own end is then noted at the next start.
            await end_child(process)
        try:
            _job, standing = self._folder.read(job_id)
        except SensorFailed:
            # It ended, and made room for another one at once.
            return None
        if standing.is_over:
            return standing
        reason = f"The job ended unexpectedly (exit code {process.returncode})."
        return self._folder.fail(job_id, reason, now=wall_time())
