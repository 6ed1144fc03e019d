"""The command line against a real console: TLS, token, gateway, ingester, endpoints that answer."""

from __future__ import annotations

import asyncio
import contextlib
import csv
import io
import json
import os
import select
import signal
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import openpyxl
import pytest

from client.cli import main
from client.exceptions import ConsoleUnreachable
from client.streams import Streams
from client.trust import fingerprint_of, offered_certificate
from protocol.instructions import AskQuestion
from protocol.messages import QuestionAnswered
from tests.console_processes import REPOSITORY, ConsoleProcesses, certificates_directory
from tests.simulator import SimulatedEndpoint, make_answer

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

PASSWORD = "correct horse battery staple"
ONLINE = 3
TEXT = "Get Computer Name and IP Address from all machines"

_PEOPLE = """
import sys
import django
django.setup()
from console.access.models import User
User.objects.create_superuser("ada", password=sys.argv[1])
"""


@dataclass
class Running:
    """A console, and what it takes to call it."""

    processes: ConsoleProcesses
    config: Path
    endpoints: list[UUID]
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"https://localhost:{self.processes.web_port}"

    @property
    def authority(self) -> Path:
        return self.processes.data / "keys" / "authority.pem"

    def call(self, *words: str, answers: str = "", **environment: str) -> Called:
        """Run the command line in this process."""
        called = Called()
        streams = Streams(
            {"VEDETTE_CONFIG": str(self.config), **self.environment, **environment},
            output=called.output,
            messages=called.messages,
            answers=io.StringIO(answers),
        )
        called.code = main(words, streams)
        return called

    def log_in(self) -> Called:
        password = self.config.parent / "password"
        password.write_text(f"{PASSWORD}\n")
        return self.call(
            "login",
            *("--console", self.url, "--ca", str(self.authority)),
            *("--user", "ada", "--password-file", str(password)),
        )


@dataclass
class Called:
    """What a call wrote."""

    code: int = -1
    output: io.BytesIO = field(default_factory=io.BytesIO)
    messages: io.StringIO = field(default_factory=io.StringIO)

    @property
    def text(self) -> str:
        return self.output.getvalue().decode()

    @property
    def said(self) -> str:
        return self.messages.getvalue()


def answer(number: int, question: AskQuestion) -> list[QuestionAnswered]:
    """Answer with a name, and something that a spreadsheet would run; but to some, never."""
    if question.filter is not None:
        return []
    return [make_answer(number, question.question_id, [[f"web-{number}", "=1+1\x1b[31m"]])]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("client")
    processes = ConsoleProcesses(folder / "data")
    try:
        processes.prepare()
        ids = processes.populate(ONLINE + 1)
        processes.run_python(_PEOPLE, PASSWORD)
        for program in ("gateway", "ingest", "web"):
            processes.start(program)
        console = Running(processes, folder / "config", ids)
        with online(processes, ids[:ONLINE]):
            wait_for_web(processes)
            yield console
    finally:
        processes.stop()


def wait_for_web(processes: ConsoleProcesses) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            offered_certificate("localhost", processes.web_port)
        except ConsoleUnreachable:
            assert time.monotonic() < deadline, processes.log_of("web")
            time.sleep(0.1)
        else:
            return


@contextlib.contextmanager
def online(processes: ConsoleProcesses, ids: Sequence[UUID]) -> Iterator[None]:
    """Keep endpoints connected in a thread with an event loop of its own."""
    are_connected, is_over = threading.Event(), threading.Event()

    async def stay() -> None:
        endpoints = [endpoint_of(processes, number, name) for number, name in enumerate(ids)]
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(endpoint.stay_connected()) for endpoint in endpoints]
            await asyncio.gather(*(each.is_connected.wait() for each in endpoints))
            are_connected.set()
            while not is_over.is_set():  # noqa: ASYNC110 - of another thread
                await asyncio.sleep(0.05)
            for task, endpoint in zip(tasks, endpoints, strict=True):
                task.cancel()
                endpoint.abort()

    thread = threading.Thread(target=asyncio.run, args=(stay(),))
    thread.start()
    try:
        assert are_connected.wait(60), processes.log_of("gateway")
        yield
    finally:
        is_over.set()
        thread.join(20)


def endpoint_of(processes: ConsoleProcesses, number: int, name: UUID) -> SimulatedEndpoint:
    keys = processes.data / "keys"
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(keys / "authority.pem")
    context.load_cert_chain(certificates_directory(keys) / f"{name}.pem")
    address = ("127.0.0.1", processes.gateway_port)
    return SimulatedEndpoint(number, context, address, answers=answer)


@pytest.fixture
def logged_in(running: Running) -> Running:
    called = running.log_in()
    assert called.code == 0, called.said
    return running


class TestLogin:
    def test_keeps_a_token_and_forgets_it(self, running: Running) -> None:
        assert running.log_in().code == 0
        assert running.call("questions").code == 0
        assert running.call("logout").code == 0

        called = running.call("questions")
        assert called.code == 2
        assert "login" in called.said

    def test_tells_a_wrong_password(self, running: Running, tmp_path: Path) -> None:
        (tmp_path / "password").write_text("wrong")

        called = running.call(
            "login",
            *("--console", running.url, "--ca", str(running.authority)),
            *("--user", "eve", "--password-file", str(tmp_path / "password")),
        )

        assert called.code == 1
        assert PASSWORD not in called.said

    def test_shows_a_fingerprint_before_it_sends_anything(
        self, running: Running, tmp_path: Path
    ) -> None:
        (tmp_path / "password").write_text(PASSWORD)
        words = ("login", "--console", running.url, "--user", "ada")
        password = ("--password-file", str(tmp_path / "password"))
        offered = offered_certificate("localhost", running.processes.web_port)
        fingerprint = fingerprint_of(offered)

        asked = running.call(*words, *password)
        wrong = running.call(*words, *password, "--fingerprint", "00" * 32)
        right = running.call(*words, *password, "--fingerprint", fingerprint)

        assert (asked.code, wrong.code, right.code) == (1, 1, 0)
        assert fingerprint in asked.said
        assert running.call("questions").code == 0

    def test_is_never_silently_insecure(self, running: Running, tmp_path: Path) -> None:
        elsewhere = {"VEDETTE_CONFIG": str(tmp_path)}
        called = running.call("questions", "--console", running.url, "--token", "x", **elsewhere)

        assert called.code == 1
        assert "not trusted" in called.said

    def test_finds_nobody_where_nobody_is(self, running: Running) -> None:
        called = running.call("questions", "--console", "https://127.0.0.1:1", "--token", "x")

        assert called.code == 1
        assert "No console answers" in called.said


class TestAsk:
    def test_writes_a_table(self, logged_in: Running) -> None:
        called = logged_in.call("ask", TEXT)

        lines = called.text.splitlines()
        assert called.code == 3, called.said
        assert lines[0].split() == ["Computer", "Name", "IP", "Address", "Count"]
        assert {line.split()[0] for line in lines[2:]} == {f"web-{n}" for n in range(ONLINE)}
        assert "\x1b" not in called.text
        assert f"{ONLINE} of {ONLINE + 1} answered" in called.said

    def test_says_who_did_not_answer_and_why(self, logged_in: Running) -> None:
        called = logged_in.call("ask", TEXT, "--unanswered")

        assert "No full answer from" in called.said
        assert "never online" in called.said

    def test_writes_csv_that_no_spreadsheet_runs(self, logged_in: Running) -> None:
        called = logged_in.call("ask", TEXT, "--format", "csv")

        rows = list(csv.reader(io.StringIO(called.text, newline="")))
        assert rows[0] == ["Computer Name", "IP Address", "Count"]
        assert {row[1] for row in rows[1:]} == {"'=1+1\x1b[31m"}

    def test_writes_json_by_endpoint(self, logged_in: Running) -> None:
        called = logged_in.call("ask", TEXT, "--format", "json", "--by-endpoint")

        rows: list[dict[str, Any]] = json.loads(called.text)
        assert [row["Endpoint"] for row in rows] == [f"simulated-{n:05}" for n in range(ONLINE)]
        assert {row["Count"] for row in rows} == {1}

    def test_writes_files(self, logged_in: Running, tmp_path: Path) -> None:
        file = tmp_path / "answer.xlsx"

        called = logged_in.call("ask", TEXT, "--format", "xlsx", "--output", str(file))

        sheet = openpyxl.load_workbook(file).worksheets[0]
        assert called.output.getvalue() == b""
        assert sheet.max_row == ONLINE + 1

    def test_points_at_the_word_that_is_wrong(self, logged_in: Running) -> None:
        called = logged_in.call("ask", "Get Computer Nam from all machines")

        assert called.code == 1
        lines = called.said.splitlines()
        (carets,) = [number for number, line in enumerate(lines) if "^" in line]
        assert lines[carets].index("^") == lines[carets - 1].index("Computer")
        assert "Computer Name" in called.said

    def test_knows_no_group_that_there_is_not(self, logged_in: Running) -> None:
        assert logged_in.call("ask", TEXT, "--group", "Nowhere").code == 1
        assert logged_in.call("ask", TEXT, "--group", "All Computers").code == 3

    @pytest.mark.parametrize("words", [("--format", "xlsx"), ("--raw",), ("--lifetime", "1")])
    def test_refuses_what_does_not_fit(self, logged_in: Running, words: tuple[str, ...]) -> None:
        assert logged_in.call("ask", TEXT, *words).code in {1, 2}

    def test_reads_an_answer_later(self, logged_in: Running) -> None:
        logged_in.call("ask", TEXT)
        listed = json.loads(logged_in.call("questions", "--format", "json", "--limit", "1").text)

        called = logged_in.call("answer", listed[0]["id"], "--format", "csv")
        unknown = logged_in.call("answer", str(UUID(int=7)))

        assert called.code == 3
        assert len(called.text.splitlines()) == ONLINE + 1
        assert unknown.code == 1
        assert "no such question" in unknown.said


class TestLists:
    def test_show_what_was_asked(self, logged_in: Running) -> None:
        logged_in.call("ask", TEXT)

        called = logged_in.call("questions", "--limit", "1")

        assert TEXT in called.text
        assert f"{ONLINE}/{ONLINE + 1}" in called.text

    def test_show_what_can_be_asked(self, logged_in: Running) -> None:
        table = logged_in.call("sensors", "computer name").text
        listed = json.loads(logged_in.call("sensors", "--format", "json").text)

        assert "Computer Name" in table
        assert {"Computer Name", "IP Address"} <= {each["name"] for each in listed}


class TestLauncher:
    def test_asks_without_django_and_with_nothing_of_the_callers_folder(
        self, logged_in: Running, tmp_path: Path
    ) -> None:
        (tmp_path / "json.py").write_text("raise SystemExit('imported')")
        environment = {**os.environ, "VEDETTE_CONFIG": str(logged_in.config)}

        finished = subprocess.run(
            [REPOSITORY / "vedette", "ask", TEXT, "--format", "csv", "--output", "here.csv"],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )

        assert finished.returncode == 3, finished.stderr
        assert len((tmp_path / "here.csv").read_text().splitlines()) == ONLINE + 1

    @pytest.mark.parametrize(("typed", "said"), [("y", "Cancelled."), ("n", "stays open")])
    def test_asks_whether_to_cancel_when_it_is_interrupted(
        self, logged_in: Running, typed: str, said: str
    ) -> None:
        unanswered = "Get Computer Name from machines with Computer Name is nobody"
        terminal, end = os.openpty()
        # A suite that was started in the background ignores Ctrl-C, and so would what it starts.
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        process = subprocess.Popen(
            [sys.executable, "-m", "client", "ask", unanswered],
            cwd=REPOSITORY,
            env={**os.environ, "VEDETTE_CONFIG": str(logged_in.config)},
            stdin=end,
            stdout=subprocess.DEVNULL,
            stderr=end,
        )
        signal.signal(signal.SIGINT, before)
        os.close(end)
        try:
            shown_until(terminal, f"0 of {ONLINE + 1} answered")
            process.send_signal(signal.SIGINT)
            shown_until(terminal, "[y/N]")
            os.write(terminal, f"{typed}\n".encode())
            shown_until(terminal, said)
            assert process.wait(30) == 130
        finally:
            process.kill()
            process.wait(10)
            os.close(terminal)


def shown_until(terminal: int, text: str) -> None:
    """Read a terminal until a text has been shown there."""
    shown = ""
    while text not in shown:
        readable, _, _ = select.select([terminal], [], [], 60)
        assert readable, shown
        shown += os.read(terminal, 4096).decode(errors="replace")
