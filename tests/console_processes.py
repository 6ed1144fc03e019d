"""The console's programs as processes of their own, on a data directory of the test."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any
from uuid import UUID

from tests.valkey import ValkeyServer

REPOSITORY = Path(__file__).resolve().parent.parent

# Runs inside the console's own environment: makes everything that `up` makes before its programs.
_PREPARE = """
import json, sys
from datetime import UTC, datetime
import django
django.setup()
from django.core.management import call_command
from console.certificates.authority import ensure_authority, ensure_server_certificate
from console.certificates.signing import ensure_signing_key
call_command("migrate", verbosity=0)
now = datetime.now(UTC)
ensure_authority(now)
ensure_server_certificate(["localhost", "127.0.0.1"], now)
ensure_signing_key(now)
"""

_POPULATE = """
import json, sys
import django
django.setup()
from tests.population import populate
print(json.dumps(populate(int(sys.argv[1]))))
"""


def certificates_directory(keys: Path) -> Path:
    """Tell where the population's certificates are, one PEM file with the key for each."""
    return keys.parent / "fleet"


def free_port() -> int:
    """Return a port on which nobody listens now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class ConsoleProcesses:
    """A console in `data`: its Valkey and those of its programs that a test starts."""

    def __init__(
        self,
        data: Path,
        *,
        environment: dict[str, str] | None = None,
        namespace: str | None = None,
    ) -> None:
        self.data = data
        # Programs run in this network namespace; Valkey is a Unix socket and needs none.
        self._prefix = ["ip", "netns", "exec", namespace] if namespace else []
        self.gateway_port = free_port()
        self.sessions_port = free_port()
        self.status_port = free_port()
        self.web_port = free_port()
        self.valkey = ValkeyServer(data / "valkey.sock", durable=True)
        self.environment = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "console.settings",
            "VEDETTE_DATA": str(data),
            "VEDETTE_NAMES": "localhost,127.0.0.1",
            "VEDETTE_ENDPOINT_ADDRESS": "127.0.0.1",
            "VEDETTE_GATEWAY_PORT": str(self.gateway_port),
            "VEDETTE_SESSIONS_PORT": str(self.sessions_port),
            "VEDETTE_STATUS_PORT": str(self.status_port),
            "VEDETTE_WEB_PORT": str(self.web_port),
            "REDIS_URL": self.valkey.url,
            **(environment or {}),
        }
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def prepare(self) -> None:
        """Start Valkey; make the database, the authority and the keys."""
        self.data.mkdir(parents=True, exist_ok=True)
        self.valkey.start()
        self.run_python(_PREPARE)

    def populate(self, count: int) -> list[UUID]:
        """Add endpoints with certificates; `tests.population` says how. Returns their ids."""
        answer = self.run_python(_POPULATE, str(count))
        return [UUID(name) for name in json.loads(answer)]

    def run_python(self, source: str, *arguments: str) -> str:
        """Run Python with the console's environment and return what it printed."""
        finished = subprocess.run(
            [sys.executable, "-c", source, *arguments],
            cwd=REPOSITORY,
            env=self.environment,
            check=True,
            stdout=subprocess.PIPE,
            timeout=300,
        )
        return finished.stdout.decode()

    def start(self, program: str) -> int:
        """Start a program (`gateway`, `ingest`, …) and return its process id."""
        return self._run(program, [sys.executable, "manage.py", program])

    def start_worker(self) -> int:
        """Start the Celery worker with beat inside, as the embedded console does."""
        schedule = str(self.data / "beat")
        worker = ["-m", "celery", "--app", "console", "worker", "--beat", "--schedule", schedule]
        options = ["--pool", "threads", "--concurrency", "2", "--queues", "interactive,bulk"]
        return self._run("worker", [sys.executable, *worker, *options, "--without-mingle"])

    def _run(self, program: str, command: list[str]) -> int:
        with (self.data / f"{program}.log").open("ab") as log:
            process = subprocess.Popen(
                [*self._prefix, *command],
                cwd=REPOSITORY,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        self._running[program] = process
        return process.pid

    def kill(self, program: str) -> None:
        """End a program without a warning."""
        process = self._running.pop(program)
        process.kill()
        process.wait(10)

    def stop(self) -> None:
        """End everything."""
        for process in self._running.values():
            process.send_signal(signal.SIGTERM)
        for process in self._running.values():
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(10)
        self._running.clear()
        self.valkey.stop()

    def log_of(self, program: str) -> str:
        """Return what a program has logged."""
        return (self.data / f"{program}.log").read_text(encoding="utf-8", errors="replace")


def query(processes: ConsoleProcesses, source: str) -> Any:
    """Evaluate an expression over the console's models and return it."""
    return json.loads(
        processes.run_python(
            "import json, django; django.setup()\n"
            "from django.apps import apps\n"
            f"print(json.dumps({source}))"
        )
    )
