"""A real agent on one host, driven as its administrator would."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from tests.e2e.network import Host, python


class Joinable(Protocol):
    """What an agent must know of the console that it joins."""

    host: Host

    @property
    def authority(self) -> Path:
        """The certificate that endpoints trust."""


@dataclass
class Agent:
    """An agent with a home of its own on a host of its own."""

    host: Host
    home: Path
    endpoint_id: str = ""
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def identity(self) -> Path:
        """Its key and certificate."""
        return self.home / "etc" / "endpoint.pem"

    def enrol(
        self, console: Joinable, token: str, *, authority: Path | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Try to join the console."""
        words = ("enroll", "--console", f"{console.host.address}:17443")
        anchor = ("--ca", str(authority or console.authority))
        result = self.command(*words, *anchor, "--token", token)
        if result.returncode == 0:
            enrolment = json.loads((self.home / "etc" / "enrolment.json").read_text())
            self.endpoint_id = enrolment["endpoint_id"]
        return result

    def start(self) -> None:
        """Run it in the background."""
        self.process = self.host.start(
            *self._words("run"), log=self.log, environment=self.environment
        )

    @property
    def log(self) -> Path:
        """What it printed."""
        return self.home.parent / f"{self.home.name}.log"

    def stop(self) -> None:
        """Stop it in order; harmless when it is not running."""
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(30)

    def kill(self) -> None:
        """End it without a warning, as a crash would."""
        assert self.process is not None
        self.process.kill()
        self.process.wait(10)

    def status(self) -> dict[str, Any]:
        """Ask it how it is; empty when nobody answers."""
        return dict(json.loads(self.command("status", "--json").stdout or "{}"))

    def records(self) -> bool:
        """Tell whether it has an event source for processes that works."""
        sources = self.status().get("report", {}).get("sources", [])
        return any(s["state"] == "running" and "process" in s["kinds"] for s in sources)

    def command(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run one command of its command line."""
        return self.host.run(*self._words(*words), environment=self.environment, check=False)

    def _words(self, *words: str) -> list[str]:
        return python("-m", "agent", "--home", str(self.home), *words)
