"""Heavy sensors as jobs: written down, run apart, their results kept on disk (SE-07).

`jobs/<id>/` holds what was asked (`job.json`), how it stands (`standing.json`), what was found
(`rows.jsonl`, one row a line) and, when somebody wants it to end, `cancel`. A job is never
overwritten: an id that is taken is refused. The oldest that have ended make room for new ones.
"""

from __future__ import annotations

import contextlib
import itertools
import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final
from uuid import UUID, uuid5

import msgspec

from agent.durable_file import write_durably
from agent.sensors.exceptions import SensorFailed
from protocol.questions import SensorCall
from sensors.calls import canonical
from sensors.definitions import JOB_PARAMETER

WAITING, RUNNING, COMPLETE = "waiting", "running", "complete"
FAILED, CANCELLED = "failed", "cancelled"
STARTED: Final = "started"
"""What is answered when a job is written down: it may still have to wait for another one."""

MOST_JOBS: Final = 100
MOST_BYTES: Final = 256 * 1024 * 1024
PRIVATE_FOLDER: Final = 0o700
_PIECE: Final = 1024 * 1024

_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_JOB_FILE, _STANDING_FILE = "job.json", "standing.json"
_ROWS_FILE, _CANCEL_FILE = "rows.jsonl", "cancel"
_DRAFT_PREFIX: Final = ".new-"


class Job(msgspec.Struct, kw_only=True, frozen=True):
    """What was asked. `state` is as it was told to the asker; `begun_at` is in µs."""

    id: str
    question_id: UUID
    key: str
    name: str
    parameters: dict[str, str]
    begun_at: int
    state: str = STARTED

    @property
    def work(self) -> tuple[str, tuple[tuple[str, str], ...]]:
        """What there is to do: the same for two jobs that differ in their ids only."""
        given = self.parameters.items()
        return self.key, tuple(sorted(item for item in given if item[0] != JOB_PARAMETER.key))


class Standing(msgspec.Struct, kw_only=True, frozen=True):
    """How a job stands. `ended_at` is in µs (0: not yet); `cut` rows were not kept."""

    state: str = WAITING
    reason: str = ""
    ended_at: int = 0
    rows: int = 0
    cut: int = 0

    @property
    def is_over(self) -> bool:
        """Tell whether nothing more will happen to the job."""
        return self.state in (COMPLETE, FAILED, CANCELLED)


class JobFolder:
    """The jobs of one agent, on its disk."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def begin(
        self, call: SensorCall, parameters: Mapping[str, str], *, question_id: UUID, now: int
    ) -> Job:
        """Write a job down, to be run soon.

        The same question again finds the job that it began. Raises `SensorFailed` for an id that is
        taken or not one, and when there is no room.
        """
        made = uuid5(question_id, canonical(call)).hex[:12]
        job_id = parameters.get(JOB_PARAMETER.key) or f"job-{made}"
        folder = self._place(job_id)
        job = Job(
            id=job_id,
            question_id=question_id,
            key=call.key,
            name=call.name,
            parameters=dict(parameters),
            begun_at=now,
        )
        if folder.exists():
            return self._begun_before(job)
        self._make_room()
        try:
            self._write_down(job, folder)
        except FileExistsError:
            return self._begun_before(job)
        except OSError as error:
            raise SensorFailed(f"The job cannot be written down: {error.strerror}.") from error
        return job

    def read(self, job_id: str) -> tuple[Job, Standing]:
        """Return a job and how it stands. Raises `SensorFailed` when there is none."""
        folder = self._place(job_id)
        try:
            job = msgspec.json.decode((folder / _JOB_FILE).read_bytes(), type=Job)
        except (OSError, msgspec.MsgspecError) as error:
            raise SensorFailed(f"There is no job {job_id!r} on this endpoint.") from error
        return job, self._standing_of(folder)

    def all(self) -> list[tuple[Job, Standing]]:
        """List all jobs, the oldest first."""
        jobs = []
        for folder in self._folders():
            # One that is removed at this moment is none any more.
            with contextlib.suppress(SensorFailed):
                jobs.append(self.read(folder.name))
        return sorted(jobs, key=lambda found: (found[0].begun_at, found[0].id))

    def has_files(self, job_id: str) -> bool:
        """Tell whether there is anything of such a job."""
        return self._place(job_id).exists()

    def rows_of(self, job_id: str, *, skipped: int = 0) -> Iterator[list[str]]:
        """Yield what a job has found so far, but not the first `skipped` rows."""
        with contextlib.suppress(FileNotFoundError), self.rows_file(job_id).open("rb") as file:
            for line in itertools.islice(file, skipped, None):
                if line.endswith(b"\n"):
                    yield msgspec.json.decode(line, type=list[str])

    def rows_found(self, job_id: str) -> int:
        """Count what a job has found so far."""
        found = 0
        with contextlib.suppress(FileNotFoundError), self.rows_file(job_id).open("rb") as file:
            while piece := file.read(_PIECE):
                found += piece.count(b"\n")
        return found

    def rows_file(self, job_id: str) -> Path:
        """Return where the rows of a job are written."""
        return self._place(job_id) / _ROWS_FILE

    def size_bytes(self, job_id: str) -> int:
        """Return how much room a job takes on the disk."""
        return _size_of(self._place(job_id))

    def note(self, job_id: str, standing: Standing) -> None:
        """Write down how a job stands now. Raises `OSError`."""
        write_durably(self._place(job_id) / _STANDING_FILE, msgspec.json.encode(standing))

    def cancel(self, job_id: str) -> Standing:
        """Ask for the end of a job; return how it stood. Raises `SensorFailed` for none."""
        _job, standing = self.read(job_id)
        if not standing.is_over:
            (self._place(job_id) / _CANCEL_FILE).touch()
        return standing

    def is_cancelled(self, job_id: str) -> bool:
        """Tell whether somebody asked for the end of a job."""
        return (self._place(job_id) / _CANCEL_FILE).exists()

    def waiting(self) -> list[Job]:
        """List the jobs that nobody has begun to run, the oldest first."""
        return [job for job, standing in self.all() if standing.state == WAITING]

    def fail_interrupted(self, *, now: int) -> None:
        """Mark the jobs that ran when the agent was stopped. `now` is in µs."""
        for job, standing in self.all():
            if standing.state == RUNNING:
                reason = "The agent was stopped before the job had finished."
                self.fail(job.id, reason, now=now)

    def fail(self, job_id: str, reason: str, *, now: int) -> Standing:
        """Mark a job as failed; what it found until then stays. Raises `OSError`."""
        found = self.rows_found(job_id)
        standing = Standing(state=FAILED, reason=reason, ended_at=now, rows=found)
        self.note(job_id, standing)
        return standing

    def _place(self, job_id: str) -> Path:
        if not _ID.fullmatch(job_id):
            raise SensorFailed(
                f"{job_id[:80]!r} is no job id: up to 64 letters, digits, '.', '_' and '-'."
            )
        return self._folder / job_id

    def _folders(self) -> list[Path]:
        try:
            return [folder for folder in self._folder.iterdir() if _ID.fullmatch(folder.name)]
        except FileNotFoundError:
            return []

    def _begun_before(self, job: Job) -> Job:
        before, _standing = self.read(job.id)
        if (before.question_id, before.key) == (job.question_id, job.key):
            return before
        raise SensorFailed(
            f"There is a job {job.id!r} on this endpoint already: nothing was started and nothing "
            "overwritten. Choose another id."
        )

    def _write_down(self, job: Job, folder: Path) -> None:
        """Make the job's folder as one step: whoever sees it sees all of it."""
        self._folder.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
        draft = self._folder / f"{_DRAFT_PREFIX}{job.id}"
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(mode=PRIVATE_FOLDER)
        write_durably(draft / _JOB_FILE, msgspec.json.encode(job))
        try:
            # A folder that is not empty is never replaced by rename(2).
            draft.rename(folder)
        except OSError as error:
            shutil.rmtree(draft, ignore_errors=True)
            if folder.exists():
                raise FileExistsError(str(folder)) from error
            raise

    def _make_room(self) -> None:
        jobs = self.all()
        taken = sum(self.size_bytes(job.id) for job, _standing in jobs)
        over = [job.id for job, standing in jobs if standing.is_over]
        kept = len(jobs)
        while kept >= MOST_JOBS or taken >= MOST_BYTES:
            if not over:
                raise SensorFailed("There is no room for another job until one has ended.")
            oldest = over.pop(0)
            taken -= self.size_bytes(oldest)
            kept -= 1
            shutil.rmtree(self._place(oldest))

    def _standing_of(self, folder: Path) -> Standing:
        try:
            return msgspec.json.decode((folder / _STANDING_FILE).read_bytes(), type=Standing)
        except FileNotFoundError:
            return Standing()
        except (OSError, msgspec.MsgspecError):
            return Standing(state=FAILED, reason="How the job stands cannot be read.")


def _size_of(folder: Path) -> int:
    try:
        return sum(file.stat().st_size for file in folder.iterdir())
    except FileNotFoundError:
        return 0
