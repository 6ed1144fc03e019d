"""Start the real agent program on a home of its own."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[2]


class AgentProcess:
    """One `python -m agent run`, and what a person could ask it."""

    def __init__(self, home: Path, *, environment: dict[str, str] | None = None) -> None:
        self.home = home
        self.environment = os.environ | (environment or {})
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "agent", "--home", str(self.home), "run"],
            cwd=REPOSITORY,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()
        self.close()

    def close(self) -> None:
        assert self.process is not None
        assert self.process.stdout is not None
        self.process.stdout.close()

    async def stop(self, *, within: float = 15) -> int:
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return await self.wait(within=within)

    async def wait(self, *, within: float = 15) -> int:
        assert self.process is not None
        code = await asyncio.to_thread(self.process.wait, within)
        self.close()
        return code

    async def command(self, *words: str) -> subprocess.CompletedProcess[str]:
        return await asyncio.to_thread(run_command, self.home, *words)

    async def status(self) -> dict[str, Any]:
        answer = await self.command("status", "--json")
        return dict(json.loads(answer.stdout)) if answer.returncode == 0 else {}

    def log(self) -> str:
        file = self.home / "log" / "agent.log"
        return file.read_text() if file.exists() else ""


def run_command(home: Path, *words: str, answer: str = "") -> subprocess.CompletedProcess[str]:
    """Run one command of the agent and wait for it."""
    return subprocess.run(
        [sys.executable, "-m", "agent", "--home", str(home), *words],
        cwd=REPOSITORY,
        input=answer,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@asynccontextmanager
async def running_agent(
    home: Path, *, environment: dict[str, str] | None = None
) -> AsyncIterator[AgentProcess]:
    agent = AgentProcess(home, environment=environment)
    agent.start()
    try:
        yield agent
    finally:
        assert agent.process is not None
        if agent.process.poll() is None:
            await agent.stop()
        agent.close()
