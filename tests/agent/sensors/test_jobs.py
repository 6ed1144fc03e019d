"""Jobs of heavy sensors: written down once, run apart, kept within bounds, and readable."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import UUID, uuid4

import msgspec
import psutil
import pytest

from agent.directories import Directories
from agent.sensor_jobs import AT_ONCE, SensorJobs
from agent.sensors.context import LeftOut, Row
from agent.sensors.exceptions import SensorFailed
from agent.sensors.job_folder import (
    CANCELLED,
    COMPLETE,
    FAILED,
    MOST_JOBS,
    RUNNING,
    WAITING,
    JobFolder,
    Standing,
)
from agent.sensors.job_process import ROWS_KEPT, write_rows
from protocol.questions import SensorCall
from tests.agent.agent_process import REPOSITORY
from tests.agent.gateway import eventually
from tests.agent.sensors.asking import Asking

CALL = SensorCall(key="test.heavy", name="Heavy")
QUESTION = UUID("99999999-2222-4333-8444-555555555555")

# A sensor that no catalogue has, run as the agent runs a job.
RUNNER = """
import os, sys, time
from pathlib import Path
from agent.directories import Directories
from agent.sensors.calls import Known
from agent.sensors.job_process import run_job
from sensors.definitions import JOB_COLUMNS, JOB_PARAMETER, Column, Cost, SensorDefinition

def heavy(context, parameters):
    assert context.deadline is None
    {sensor}

definition = SensorDefinition(
    key="test.heavy", name="Heavy", description="-", category="-", columns=JOB_COLUMNS,
    cost=Cost.HEAVY, parameters=(JOB_PARAMETER,),
    result_columns=(Column("Path"), Column("Size")),
)
known = Known(definitions={{"test.heavy": definition}}, functions={{"test.heavy": heavy}})
run_job(Directories.under(Path(sys.argv[1])), "case-1", known)
"""


@pytest.fixture
def folder(tmp_path: Path) -> JobFolder:
    return JobFolder(Directories.under(tmp_path / "home").jobs)


def begin(
    folder: JobFolder, job_id: str = "case-1", *, question: UUID = QUESTION, **parameters: str
) -> str:
    given = {"job_id": job_id, **parameters}
    return folder.begin(CALL, given, question_id=question, now=1_700_000_000_000_000).id


def run(home: Path, sensor: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", RUNNER.format(sensor=sensor), str(home)],
        cwd=REPOSITORY,
        stdin=subprocess.PIPE,
    )


def finish(process: subprocess.Popen[bytes]) -> None:
    assert process.stdin is not None
    try:
        assert process.wait(30) == 0
    finally:
        process.stdin.close()
        process.kill()
        process.wait()


class TestJobFolder:
    def test_refuses_an_id_that_is_taken(self, folder: JobFolder) -> None:
        begin(folder)
        folder.rows_file("case-1").write_bytes(b'["kept"]\n')

        with pytest.raises(SensorFailed, match="nothing overwritten"):
            begin(folder, question=uuid4())

        assert list(folder.rows_of("case-1")) == [["kept"]]

    def test_begins_the_job_of_one_question_once(self, folder: JobFolder) -> None:
        assert begin(folder) == begin(folder)
        assert begin(folder, "") == begin(folder, "")
        assert len(folder.all()) == 2

    @pytest.mark.parametrize("job_id", ["../x", "a/b", ".hidden", "a" * 65, "a b", "ä", "a\0"])
    def test_refuses_what_is_no_id(self, folder: JobFolder, job_id: str) -> None:
        with pytest.raises(SensorFailed, match="is no job id"):
            begin(folder, job_id)

        assert folder.all() == []

    def test_forgets_the_oldest_that_is_over(self, folder: JobFolder) -> None:
        for number in range(MOST_JOBS):
            begin(folder, f"case-{number}")
        with pytest.raises(SensorFailed, match="no room"):
            begin(folder, "late")
        folder.note("case-7", Standing(state=COMPLETE))

        begin(folder, "late")

        assert not folder.has_files("case-7")
        assert len(folder.all()) == MOST_JOBS

    def test_marks_what_was_interrupted(self, folder: JobFolder) -> None:
        begin(folder, "waits")
        begin(folder, "ran")
        folder.note("ran", Standing(state=RUNNING))

        folder.fail_interrupted(now=5)

        assert [job.id for job in folder.waiting()] == ["waits"]
        assert folder.read("ran")[1].state == FAILED

    def test_is_only_for_its_owner(self, folder: JobFolder) -> None:
        begin(folder)

        assert folder.rows_file("case-1").parent.stat().st_mode & 0o077 == 0


class TestRows:
    def test_are_bounded_and_counted(self, tmp_path: Path) -> None:
        rows = (["x"] for _ in range(ROWS_KEPT + 3))

        given = write_rows(rows, columns=1, file=tmp_path / "rows", left_out=LeftOut(rows=4))

        assert (given.rows, given.cut) == ([[str(ROWS_KEPT)]], 7)

    def test_can_be_read_before_the_next_one_is_found(self, tmp_path: Path) -> None:
        file = tmp_path / "rows"
        seen = []

        def rows() -> Iterator[Row]:
            yield ["a"]
            seen.append(file.read_bytes())

        write_rows(rows(), columns=1, file=file, left_out=LeftOut())

        assert seen == [b'["a"]\n']


@pytest.mark.slow
class TestJob:
    def test_keeps_what_it_found(self, folder: JobFolder, tmp_path: Path) -> None:
        begin(folder)

        finish(run(tmp_path / "home", 'yield "/a\\udcff", "1"; yield "/b", "2"'))

        standing = folder.read("case-1")[1]
        assert (standing.state, standing.rows, standing.cut) == (COMPLETE, 2, 0)
        assert list(folder.rows_of("case-1")) == [["/a\\xff", "1"], ["/b", "2"]]

    def test_that_fails_says_why(self, folder: JobFolder, tmp_path: Path) -> None:
        begin(folder)

        finish(run(tmp_path / "home", "yield 1 / 0"))

        standing = folder.read("case-1")[1]
        assert standing.state == FAILED
        assert "ZeroDivisionError" in standing.reason

    def test_can_be_cancelled(self, folder: JobFolder, tmp_path: Path) -> None:
        begin(folder)
        process = run(tmp_path / "home", 'yield "/a", "1"; time.sleep(600)')
        while folder.rows_found("case-1") == 0:
            assert process.poll() is None

        assert folder.cancel("case-1").state == RUNNING
        finish(process)

        standing = folder.read("case-1")[1]
        assert (standing.state, standing.rows) == (CANCELLED, 1)
        assert list(folder.rows_of("case-1")) == [["/a", "1"]]

    def test_ends_with_the_agent(self, folder: JobFolder, tmp_path: Path) -> None:
        begin(folder)
        process = run(tmp_path / "home", "time.sleep(600); yield ()")
        while folder.read("case-1")[1].state != RUNNING or not _children(process.pid):
            assert process.poll() is None
        children = _children(process.pid)

        assert process.stdin is not None
        process.stdin.close()

        assert process.wait(10) != 0
        assert not any(child.is_running() for child in children)

    async def test_of_an_unknown_sensor_fails_and_the_next_one_runs(
        self, asking: Asking, tmp_path: Path
    ) -> None:
        folder = JobFolder(asking.directories.jobs)
        begin(folder, "first")
        begin(folder, "second")
        jobs = SensorJobs(asking.directories)

        async with asyncio.TaskGroup() as group:
            running = group.create_task(jobs.run())
            await eventually(lambda: folder.read("second")[1].is_over)
            running.cancel()

        assert "does not have the sensor" in folder.read("first")[1].reason


class Children:
    """Stand for the processes of jobs: each runs until it is let go."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.begun: list[str] = []
        self.ends: dict[str, asyncio.Event] = {}
        monkeypatch.setattr("agent.sensor_jobs.start_child", self._start)
        monkeypatch.setattr("agent.sensor_jobs.end_child", self._end)

    async def _start(self, _directories: Directories, _word: str, job_id: str) -> Child:
        self.begun.append(job_id)
        self.ends[job_id] = asyncio.Event()
        return Child(self.ends[job_id])

    async def _end(self, _process: Child) -> None:
        return None


class Child:
    returncode = 0

    def __init__(self, end: asyncio.Event) -> None:
        self._end = end

    async def wait(self) -> None:
        await self._end.wait()


class TestSensorJobs:
    @pytest.fixture
    def children(self, monkeypatch: pytest.MonkeyPatch) -> Children:
        return Children(monkeypatch)

    @pytest.fixture
    async def jobs(self, folder: JobFolder, tmp_path: Path) -> AsyncIterator[SensorJobs]:
        jobs = SensorJobs(Directories.under(tmp_path / "home"))
        async with asyncio.TaskGroup() as group:
            running = group.create_task(jobs.run())
            yield jobs
            running.cancel()

    async def test_run_a_few_side_by_side(
        self, folder: JobFolder, children: Children, jobs: SensorJobs
    ) -> None:
        for number in range(AT_ONCE + 1):
            begin(folder, f"case-{number}", searched=f"/{number}")
        jobs.notify()
        await eventually(lambda: len(children.begun) == AT_ONCE)

        children.ends["case-1"].set()

        await eventually(lambda: children.begun[AT_ONCE:] == [f"case-{AT_ONCE}"])
        assert "unexpectedly" in folder.read("case-1")[1].reason

    async def test_do_not_do_the_same_twice_at_once(
        self, folder: JobFolder, children: Children, jobs: SensorJobs
    ) -> None:
        begin(folder, "first", searched="/")
        begin(folder, "same", searched="/")
        begin(folder, "third", searched="/etc")
        jobs.notify()
        await eventually(lambda: children.begun == ["first", "third"])

        children.ends["first"].set()

        await eventually(lambda: children.begun == ["first", "third", "same"])


@pytest.mark.slow
class TestJobSensors:
    async def test_show_jobs_and_results(self, asking: Asking) -> None:
        folder = JobFolder(asking.directories.jobs)
        begin(folder)
        folder.rows_file("case-1").write_bytes(b'["a","1"]\n["b"')
        folder.note("case-1", Standing(state=COMPLETE, rows=1, ended_at=1_700_000_001_000_000))

        listed = await asking.ask(SensorCall(key="job.list", name="Jobs"))
        results = await asking.ask(job_sensor("job.results"))
        there = await asking.ask(job_sensor("job.has_files"))
        not_there = await asking.ask(job_sensor("job.has_files", "case-2"))
        unknown = await asking.failure(job_sensor("job.results", "case-2"))

        assert listed.rows[0][:6] == [
            "case-1",
            "Heavy",
            "complete",
            "",
            "2023-11-14 22:13:20.000+00:00",
            "2023-11-14 22:13:21.000+00:00",
        ]
        assert results.rows == [["case-1", "Heavy", "complete", "a | 1"]]
        assert (there.rows, not_there.rows) == ([["True"]], [["False"]])
        assert unknown == "There is no job 'case-2' on this endpoint."

    async def test_read_results_in_columns(self, asking: Asking) -> None:
        folder = JobFolder(asking.directories.jobs)
        call = SensorCall(key="files.hash_match", name="Hashes")
        folder.begin(call, {"job_id": "old"}, question_id=QUESTION, now=1)
        folder.begin(call, {"job_id": "new"}, question_id=QUESTION, now=2)
        folder.note("new", Standing(state=RUNNING))
        found = [[f"/{number}", "1", "root", "0644", "", "", "m", "s", "t"] for number in range(3)]
        lines = b"".join(msgspec.json.encode(row) + b"\n" for row in found)
        folder.rows_file("new").write_bytes(lines)

        latest = await asking.ask(results_call())
        middle = await asking.ask(results_call(skip="1", max_rows="1"))
        nothing = await asking.ask(results_call(job_id="old"))

        assert latest.rows == [["new", RUNNING, *row] for row in found]
        assert (middle.rows, middle.cut) == ([["new", RUNNING, *found[1]]], 1)
        assert nothing.rows == [["old", WAITING, *[""] * 9]]

    async def test_refuse_results_of_another_sensor(self, asking: Asking) -> None:
        begin(JobFolder(asking.directories.jobs))

        other = await asking.failure(results_call(job_id="case-1"))
        none = await asking.failure(results_call())
        negative = await asking.failure(job_sensor("job.results", skip="-1"))

        assert other == "The job 'case-1' is one of “Heavy”."
        assert none.startswith("No job of “Incident Response - MD5 Hash Match Files” is kept")
        assert negative == "Skipped rows are a number from 0 on."

    async def test_cancel(self, asking: Asking) -> None:
        folder = JobFolder(asking.directories.jobs)
        begin(folder)

        answered = await asking.ask(job_sensor("job.cancel"))

        assert answered.rows == [["case-1", WAITING]]
        assert folder.is_cancelled("case-1")


def job_sensor(key: str, job_id: str = "case-1", **more: str) -> SensorCall:
    return SensorCall(key=key, name=key, parameters={"job_id": job_id, **more})


def results_call(**parameters: str) -> SensorCall:
    return SensorCall(key="files.hash_match.results", name="Results", parameters=parameters)


def _children(pid: int) -> list[psutil.Process]:
    return psutil.Process(pid).children()
