"""A real console on one host, driven as a script or a user would."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

import psutil

from tests.e2e.agent import Agent
from tests.e2e.network import Host, python
from tests.engines import scaled_engines

__all__ = ["PASSWORD", "Agent", "ApiAnswer", "Console", "eventually", "running_console"]

PASSWORD = "a password of the test run"
GATEWAY_PORT = 17472
SESSIONS_PORT = 17475
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
    """A console on a host of its own, started by `manage.py up` or another command."""

    host: Host
    data: Path
    token: str = ""
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)
    # What `start` sets beside what every console of a test needs.
    environment: Mapping[str, str] = field(default_factory=dict)
    command: Sequence[str] = field(default_factory=lambda: python("manage.py", "up"))

    @property
    def url(self) -> str:
        """The address of the web console, as seen on its own host."""
        return "https://localhost:8443"

    @property
    def authority(self) -> Path:
        """The certificate that endpoints trust."""
        return self.data / "keys" / "authority.pem"

    @property
    def log(self) -> Path:
        """What `up` printed."""
        return self.data.parent / f"{self.data.name}.log"

    def start(self) -> None:
        """Start it and wait until it is ready; log in to the API."""
        environment = {
            "VEDETTE_DATA": str(self.data),
            "VEDETTE_NO_AGENT": "1",
            "VEDETTE_ADMIN_PASSWORD": PASSWORD,
            "VEDETTE_NAMES": f"{self.host.address},localhost",
            **self.environment,
        }
        self.log.write_text("")
        self.process = self.host.start(*self.command, log=self.log, environment=environment)

        def is_ready() -> bool:
            assert self.process is not None
            assert self.process.poll() is None, self.log.read_text()
            return "Ready after" in self.log.read_text()

        eventually(is_ready, within=120, what="the start of the console")
        self.token = ""
        answer = self.api("POST", "auth/token/", {"username": "admin", "password": PASSWORD})
        self.token = answer.body["token"]

    def stop(self) -> None:
        """Stop it as Ctrl-C does."""
        assert self.process is not None
        self.process.send_signal(signal.SIGINT)
        self.process.wait(60)

    # ------------------------------------------------------------------ its programs

    def programs(self) -> list[psutil.Process]:
        """List the programs that its supervisor started, and theirs."""
        assert self.process is not None
        return psutil.Process(self.process.pid).children(recursive=True)

    def program(self, name: str) -> psutil.Process:
        """Find one program by a word of its command line, as soon as it runs."""

        def found() -> psutil.Process | None:
            for process in self.programs():
                try:
                    words = " ".join(process.cmdline())
                except psutil.NoSuchProcess:
                    continue
                if name in words:
                    return process
            return None

        return eventually(found, within=60, what=f"the start of {name}")

    def health(self) -> ApiAnswer:
        """Ask for its health; status 0 when it does not answer."""
        result = self.host.run(*self._curl("GET"), f"{self.url}/healthz/", check=False)
        return _api_answer(result.stdout) if result.returncode == 0 else ApiAnswer(0, None)

    # ------------------------------------------------------------------ its API

    def api(self, method: str, path: str, body: Any = None) -> ApiAnswer:
        """Call the API from the console's own host, with certificate verification."""
        return _api_answer(self.text(method, path, body))

    def text(self, method: str, path: str, body: Any = None) -> str:
        """Call the API and return the answer's text; its last line is the status."""
        command = self._curl(method)
        if self.token:
            command += ["-H", f"Authorization: Token {self.token}"]
        if body is not None:
            command += ["--data-binary", json.dumps(body)]
        return self.host.run(*command, f"{self.url}/api/v1/{path}").stdout

    def _curl(self, method: str) -> list[str]:
        command = ["curl", "-sS", "--max-time", "60", "--cacert", str(self.authority)]
        command += ["-X", method, "-w", "\n%{http_code}", "-H", "Content-Type: application/json"]
        return command

    def results(self, path: str) -> list[dict[str, Any]]:
        """List the first page of a collection."""
        answer = self.api("GET", path)
        assert answer.status == 200, answer
        rows: list[dict[str, Any]] = answer.body["results"]
        return rows

    def all_results(self, path: str) -> list[dict[str, Any]]:
        """List all pages of a collection."""
        rows: list[dict[str, Any]] = []
        prefix = f"{self.url}/api/v1/"
        address = prefix + path
        while address:
            answer = self.api("GET", address.removeprefix(prefix))
            assert answer.status == 200, answer
            rows += answer.body["results"]
            address = answer.body["next"] or ""
        return rows

    # ------------------------------------------------------------------ what users do

    def new_token(self, name: str = "end to end", **wishes: Any) -> dict[str, Any]:
        """Create an enrolment token."""
        answer = self.api("POST", "enrolment-tokens/", {"name": name, **wishes})
        assert answer.status == 201, answer
        return dict(answer.body)

    def joined_agent(self, host: Host, home: Path, settings: str = "") -> Agent:
        """Let an agent join; it does not run yet. `settings` is the text of its settings file."""
        agent = Agent(host, home)
        joined = agent.enrol(self, self.new_token()["token"])
        assert joined.returncode == 0, joined.stderr
        (home / "etc" / "settings.toml").write_text(settings)
        return agent

    def endpoint(self, endpoint_id: str) -> dict[str, Any]:
        """Read one endpoint."""
        body: dict[str, Any] = self.api("GET", f"endpoints/{endpoint_id}/").body
        return body

    def is_online(self, agent: Agent) -> bool:
        """Tell whether the console holds a connection of this agent."""
        return bool(self.endpoint(agent.endpoint_id)["online"])

    def wait_for(self, agent: Agent, *, within: float = 30) -> None:
        """Wait until the agent is online."""
        eventually(
            lambda: self.is_online(agent), within=within, what="the endpoint's coming online"
        )

    def connections_of(self, host: Host) -> set[int]:
        """List the ports of this console to which a host holds connections."""
        lines = host.run("ss", "-Htn", "state", "established").stdout.splitlines()
        peers = [line.split()[3] for line in lines]
        ours = [peer for peer in peers if peer.startswith(self.host.address)]
        return {int(peer.rpartition(":")[2]) for peer in ours}

    def create_signal(self, name: str, definition: str) -> str:
        """Write a Signal and return its id."""
        wish = {
            "name": name,
            "type": "signal",
            "platforms": ["linux"],
            "definition": definition,
            "techniques": [],
        }
        answer = self.api("POST", "intel/", wish)
        assert answer.status == 201, answer
        return str(answer.body["id"])

    def deploy(self, intel_id: str, agent: Agent) -> None:
        """Deploy a Signal and wait until this agent evaluates it."""
        revision = self.api("POST", f"intel/{intel_id}/deploy/").body["revision"]
        # Asked at the endpoint: the console hears of it with the next status report.
        eventually(
            lambda: agent.status()["report"]["intel_revision"] >= revision,
            within=30,
            what="the arrival of the Signal",
        )

    def alerts(self, intel_id: str) -> list[dict[str, Any]]:
        """List every alert of one Signal."""
        return self.all_results(f"alerts/?intel={intel_id}")

    def open_session(self, agent: Agent) -> str:
        """Open a live session and return its id."""
        answer = self.api("POST", "sessions/", {"endpoint": agent.endpoint_id})
        assert answer.status == 201, answer
        return str(answer.body["id"])

    def search(self, session: str, expression: str) -> list[dict[str, Any]]:
        """Search an endpoint's events through a live session; waits for one that is pending."""
        answer = self.api("GET", f"sessions/{session}/events/?limit=500&search={quote(expression)}")
        assert answer.status == 200, answer
        return list(answer.body["results"])


def _api_answer(output: str) -> ApiAnswer:
    text, _, status = output.rpartition("\n")
    return ApiAnswer(int(status), json.loads(text) if text else None)


@contextmanager
def running_console(
    host: Host,
    data: Path,
    environment: Mapping[str, str] | None = None,
    *,
    command: Sequence[str] = (),
) -> Iterator[Console]:
    """Start a console, by `manage.py up` or the given command, and stop it at the end."""
    with scaled_engines(data.parent) as engines:
        console = Console(host, data, environment={**engines, **(environment or {})})
        console.command = command or console.command
        try:
            console.start()
            yield console
        finally:
            if console.process is not None and console.process.poll() is None:
                console.stop()
