"""A real console on one host and real agents on others, driven as a script or a user would."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from tests.e2e.network import Host, python

PASSWORD = "a password of the test run"
T = TypeVar("T")


def eventually(probe: Callable[[], T | None], *, within: float, what: str) -> T:
    """Return the first true answer of `probe`, asked until `within` seconds are over."""
    deadline = time.monotonic() + within
    while True:
        answer = probe()
        if answer:
            return answer
        assert time.monotonic() < deadline, f"{what} did not happen within {within:g} s"
        time.sleep(0.1)


@dataclass
class ApiAnswer:
    """The status and the JSON of an answer of the API."""

    status: int
    body: Any


@dataclass
class Console:
    """A console started by `manage.py up` on a host of its own."""

    host: Host
    data: Path
    token: str = ""
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def url(self) -> str:
        """The address of the web console, as seen on its own host."""
        return "https://localhost:8443"

    @property
    def authority(self) -> Path:
        """The certificate that endpoints trust."""
        return self.data / "keys" / "authority.pem"

    def start(self) -> None:
        """Start it and wait until it is ready; log in to the API."""
        names = f"{self.host.address},localhost"
        environment = {
            "VEDETTE_DATA": str(self.data),
            "VEDETTE_NO_AGENT": "1",
            "VEDETTE_ADMIN_PASSWORD": PASSWORD,
            "VEDETTE_NAMES": names,
        }
        log = self.data.parent / f"{self.data.name}.log"
        command = python("manage.py", "up")
        self.process = self.host.start(*command, log=log, environment=environment)

        def is_ready() -> bool:
            assert self.process is not None
            assert self.process.poll() is None, log.read_text()
            return "Ready after" in log.read_text()

        eventually(is_ready, within=120, what="the start of the console")
        answer = self.api("POST", "auth/token/", {"username": "admin", "password": PASSWORD})
        self.token = answer.body["token"]

    def stop(self) -> None:
        """Stop it as Ctrl-C does."""
        assert self.process is not None
        self.process.send_signal(signal.SIGINT)
        self.process.wait(60)

    def api(self, method: str, path: str, body: Any = None) -> ApiAnswer:
        """Call the API from the console's own host, with certificate verification."""
        command = ["curl", "-sS", "--cacert", str(self.authority), "-X", method]
        command += ["-w", "\n%{http_code}", "-H", "Content-Type: application/json"]
        if self.token:
            command += ["-H", f"Authorization: Token {self.token}"]
        if body is not None:
            command += ["--data-binary", json.dumps(body)]
        result = self.host.run(*command, f"{self.url}/api/v1/{path}")
        text, _, status = result.stdout.rpartition("\n")
        return ApiAnswer(int(status), json.loads(text) if text else None)

    def results(self, path: str) -> list[dict[str, Any]]:
        """List the first page of a collection."""
        answer = self.api("GET", path)
        assert answer.status == 200, answer
        rows: list[dict[str, Any]] = answer.body["results"]
        return rows

    def endpoint(self, endpoint_id: str) -> dict[str, Any]:
        """Read one endpoint."""
        body: dict[str, Any] = self.api("GET", f"endpoints/{endpoint_id}/").body
        return body


@dataclass
class Agent:
    """An agent with a home of its own on a host of its own."""

    host: Host
    home: Path
    endpoint_id: str = ""
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    def enrol(self, console: Console, token: str) -> subprocess.CompletedProcess[str]:
        """Join the console."""
        console_name = f"{console.host.address}:17443"
        words = ("enroll", "--console", console_name, "--ca", str(console.authority))
        return self.host.run(*self._command(*words, "--token", token), check=False)

    def start(self) -> None:
        """Run it in the background."""
        log = self.home.parent / f"{self.home.name}.log"
        self.process = self.host.start(*self._command("run"), log=log)

    def stop(self) -> None:
        """Stop it in order; harmless when it is not running."""
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(30)

    def status(self) -> dict[str, Any]:
        """Ask it how it is."""
        result = self.host.run(*self._command("status", "--json"), check=False)
        return dict(json.loads(result.stdout or "{}"))

    def _command(self, *words: str) -> list[str]:
        return python("-m", "agent", "--home", str(self.home), *words)


@contextmanager
def running_console(host: Host, data: Path) -> Iterator[Console]:
    """Start a console, and stop it at the end."""
    console = Console(host, data)
    try:
        console.start()
        yield console
    finally:
        if console.process is not None and console.process.poll() is None:
            console.stop()
