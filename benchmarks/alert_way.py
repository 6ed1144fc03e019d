"""C13: from a program's start on an endpoint to its alert in a browser, beside 5,000 endpoints.

The whole console as `up` runs it, with its agent on this machine (real kernel events, so it needs
root) and a simulated fleet on the same gateway. The browser is its WebSocket alone: what a page
draws is not in the figure. Targets: p50 300 ms, p99 1 s.

    python -m benchmarks.alert_way [--count 5000] [--alerts 200]
"""

from __future__ import annotations

import argparse
import json
import math
import signal
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin

from benchmarks.gateway import FleetProcess
from tests.console_processes import REPOSITORY, ConsoleProcesses

PASSWORD = "measured by a benchmark"  # noqa: S105 - of a console that lives for minutes
MARKER = "vedette-alert-way"
# Behind the fifth alert of one Signal within five minutes the endpoint's throttle closes.
PER_SIGNAL = 5
READY_WITHIN = 180.0
# Between two programs, in seconds: no two share a tick of the recorder by design of the benchmark.
GAP = 0.37

_COOKIE = """
import django
django.setup()
from console.access.models import User
from tests.directconnect.people import session_cookie_of
print(session_cookie_of(User.objects.get(username="admin")))
"""


class RunningConsole(ConsoleProcesses):
    """A console that `up` supervises, with an agent on this machine."""

    def __init__(self, data: Path) -> None:
        super().__init__(data)
        # `up` brings its own.
        del self.environment["REDIS_URL"]
        self.environment["VEDETTE_ADMIN_PASSWORD"] = PASSWORD
        self.origin = f"https://localhost:{self.web_port}"
        self.tls = ssl.create_default_context()
        self.tls.check_hostname = False
        self.tls.verify_mode = ssl.CERT_NONE
        self._token = ""

    @contextmanager
    def up(self) -> Iterator[None]:
        """Run it until the block ends."""
        command = [sys.executable, "manage.py", "up"]
        process = subprocess.Popen(command, cwd=REPOSITORY, env=self.environment)
        try:
            self._wait_until_ready()
            yield
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(60)

    def call(self, method: str, path: str, content: dict[str, Any] | None = None) -> Any:
        """Call the API as the administrator."""
        headers = {"Content-Type": "application/json"}
        if self._token:
            headers["Authorization"] = f"Token {self._token}"
        body = None if content is None else json.dumps(content).encode()
        request = urllib.request.Request(  # noqa: S310 - our own address
            f"{self.origin}{path}", method=method, data=body, headers=headers
        )
        with urllib.request.urlopen(request, context=self.tls, timeout=30) as answer:  # noqa: S310
            return json.load(answer)

    def log_in(self) -> None:
        """Take a token for `call`."""
        answer = self.call(
            "POST", "/api/v1/auth/token/", {"username": "admin", "password": PASSWORD}
        )
        self._token = answer["token"]

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + READY_WITHIN
        while time.monotonic() < deadline:
            try:
                self.call("GET", "/healthz/")
            except OSError:
                time.sleep(0.5)
            else:
                return
        raise SystemExit(f"the console was not ready within {READY_WITHIN:g} s")


def deploy_signals(console: RunningConsole, count: int) -> None:
    """Deploy so many Signals, and wait until the agent on this machine evaluates them."""
    revision = 0
    for number in range(count):
        fields = {
            "name": f"Alert way {number}",
            "type": "signal",
            "platforms": ["linux"],
            "definition": f"process.command_line contains '{MARKER}-{number}-'",
            "techniques": [],
        }
        document = console.call("POST", "/api/v1/intel/", fields)
        revision = console.call("POST", f"/api/v1/intel/{document['id']}/deploy/", {})["revision"]
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        endpoints = console.call("GET", "/api/v1/endpoints/")["results"]
        if any(each.get("intel_revision") == revision for each in endpoints):
            return
        time.sleep(0.5)
    raise SystemExit("no endpoint took the Signals within 60 s")


def way_of_one(socket: ClientConnection, number: int) -> float:
    """Start a program that the Signal matches; return the seconds until the page hears of it."""
    began = time.monotonic()
    subprocess.run(["/bin/true", f"{MARKER}-{number // PER_SIGNAL}-"], check=True)
    while True:
        message = json.loads(socket.recv(timeout=10))
        if message["type"] != "alive":
            return time.monotonic() - began


def main() -> None:
    """Print the median and the 99th percentile."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=5000)
    parser.add_argument("--alerts", type=int, default=200)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="vedette-bench-") as directory, ExitStack() as stack:
        console = RunningConsole(Path(directory) / "data")
        stack.enter_context(console.up())
        console.log_in()
        deploy_signals(console, math.ceil(options.alerts / PER_SIGNAL))
        console.populate(options.count)
        fleet = FleetProcess("benchmarks.fleet", console, console.gateway_port, options.count)
        stack.callback(fleet.stop)
        connected = fleet.do("connect")
        assert connected["failed"] == 0, connected
        socket = stack.enter_context(
            connect(
                f"{console.origin.replace('https', 'wss')}/ws/live/alerts/",
                ssl=console.tls,
                origin=Origin(console.origin),
                additional_headers={"Cookie": console.run_python(_COOKIE).strip()},
                proxy=None,
            )
        )
        # The fleet gets the Signals, too: that is over before the clock runs.
        time.sleep(20)
        seconds = []
        for number in range(options.alerts):
            seconds.append(way_of_one(socket, number))
            time.sleep(GAP)
    seconds.sort()
    print(
        f"C13 with {options.count} endpoints, {options.alerts} alerts: "
        f"p50 {1000 * statistics.median(seconds):.0f} ms, "
        f"p99 {1000 * seconds[int(len(seconds) * 0.99)]:.0f} ms, "
        f"slowest {1000 * seconds[-1]:.0f} ms"
    )


if __name__ == "__main__":
    main()
