"""Hosts on this machine: network namespaces joined by a bridge, made and removed by a test."""

from __future__ import annotations

import ctypes
import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.conftest import REPOSITORY

_CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)

# What the test run set for itself, and what would slow the programs down: they must meet what a
# user's shell gives them.
_OURS = ("DJANGO_SETTINGS_MODULE", "PYTHONDONTWRITEBYTECODE")


def shell_environment(additions: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the environment of a user's shell, with some variables more."""
    inherited = {
        name: value
        for name, value in os.environ.items()
        if name not in _OURS and not name.startswith(("VEDETTE_", "PYTEST_"))
    }
    return {**inherited, **(additions or {})}


@dataclass(frozen=True)
class Host:
    """One network namespace with one address. Only the network is its own."""

    name: str
    address: str
    cable: str

    def command(self, *words: str | bytes) -> list[str | bytes]:
        """Spell a command that runs on this host.

        `nsenter` and not `ip netns exec`: the latter hides /sys, and with it the cgroups that
        the recorder needs.
        """
        return ["nsenter", f"--net=/run/netns/{self.name}", "--", *words]

    def run(
        self, *words: str | bytes, environment: Mapping[str, str] | None = None, check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        """Run a program here and wait for it."""
        return subprocess.run(
            self.command(*words),
            cwd=REPOSITORY,
            env=shell_environment(environment),
            capture_output=True,
            text=True,
            check=check,
            timeout=90,
        )

    def start(
        self, *words: str, log: Path, environment: Mapping[str, str] | None = None
    ) -> subprocess.Popen[bytes]:
        """Start a program here; its output goes to a file."""
        with log.open("ab") as output:
            return subprocess.Popen(
                self.command(*words),
                cwd=REPOSITORY,
                env=shell_environment(environment),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def connect(self, address: str, port: int) -> socket.socket:
        """Open a TCP connection from this host; the socket can be used from everywhere."""
        with ThreadPoolExecutor(1) as thread:
            return thread.submit(self._connect, address, port).result()

    def _connect(self, address: str, port: int) -> socket.socket:
        # A thread of its own: only its namespace changes, and it ends with it.
        with Path("/run/netns", self.name).open() as namespace:
            if _libc.setns(namespace.fileno(), _CLONE_NEWNET):
                raise OSError(ctypes.get_errno(), "setns")
        return socket.create_connection((address, port), timeout=10)

    def pull_cable(self) -> None:
        """Cut this host off, as a pulled cable does: nobody is told."""
        _ip("link", "set", self.cable, "down")

    def plug_cable_in(self) -> None:
        """Connect this host again."""
        _ip("link", "set", self.cable, "up")


def python(*words: str) -> list[str]:
    """Spell a command of this very interpreter."""
    return [sys.executable, *words]


@contextmanager
def hosts_on_one_bridge(prefix: str, names: Sequence[str]) -> Iterator[list[Host]]:
    """Make one host per name, all on one network of their own, and remove them at the end."""
    octet = os.getpid() % 200 + 20
    # Another run on this machine has hosts of its own.
    prefix = f"{prefix}{os.getpid() % 10_000}"
    bridge = f"{prefix}-br"
    hosts = [
        Host(f"{prefix}-{name}", f"10.77.{octet}.{number}", f"{prefix}-v{number}")
        for number, name in enumerate(names, start=1)
    ]
    try:
        _ip("link", "add", bridge, "type", "bridge")
        _ip("link", "set", bridge, "up")
        for host in hosts:
            _plug(host, bridge)
        yield hosts
    finally:
        for host in hosts:
            _ip("netns", "delete", host.name, check=False)
        _ip("link", "delete", bridge, check=False)


def _plug(host: Host, bridge: str) -> None:
    _ip("netns", "add", host.name)
    inner = f"{host.cable}i"
    _ip("link", "add", host.cable, "type", "veth", "peer", "name", inner)
    _ip("link", "set", inner, "netns", host.name)
    _ip("link", "set", host.cable, "master", bridge, "up")
    _ip("-n", host.name, "addr", "add", f"{host.address}/24", "dev", inner)
    _ip("-n", host.name, "link", "set", inner, "up")
    _ip("-n", host.name, "link", "set", "lo", "up")


def _ip(*words: str, check: bool = True) -> None:
    subprocess.run(["ip", *words], check=check, capture_output=True)
