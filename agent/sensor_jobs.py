"""Run the jobs that heavy sensors began: one at a time, oldest first, in low-priority processes.

Jobs stand in their folder, so none is lost with the agent: those that waited are run at the next
start, one that ran then is marked as failed, because nobody knows what it did to the endpoint.
"""

from __future__ import annotations

import asyncio
import logging

from agent.clock import wall_time
from agent.directories import Directories
from agent.sensor_workers import end_child, start_child
from agent.sensors.exceptions import SensorFailed
from agent.sensors.job_folder import FAILED, JobFolder, Standing

log = logging.getLogger(__name__)


class SensorJobs:
    """The jobs of one agent."""

    def __init__(self, directories: Directories) -> None:
        self._directories = directories
        self._folder = JobFolder(directories.jobs)
        self._news = asyncio.Event()

    def notify(self) -> None:
        """Say that there is a new job."""
        self._news.set()

    async def run(self) -> None:
        """Run jobs until cancelled."""
        self._folder.fail_interrupted(now=wall_time())
        while True:
            self._news.clear()
            for job_id in self._folder.waiting():
                await self._run(job_id)
            await self._news.wait()

    async def _run(self, job_id: str) -> None:
        log.info("job %s begins", job_id)
        process = await start_child(self._directories, "job", job_id)
        try:
            await process.wait()
        finally:
            # When the agent stops, so does the job: its own end is then noted at the next start.
            await end_child(process)
        try:
            _job, standing = self._folder.read(job_id)
        except SensorFailed:
            # It ended, and made room for another one at once.
            return
        if not standing.is_over:
            reason = f"The job ended unexpectedly (exit code {process.returncode})."
            standing = Standing(state=FAILED, reason=reason, ended_at=wall_time())
            self._folder.note(job_id, standing)
        log.info("job %s: %s %s", job_id, standing.state, standing.reason)
