"""Hosts on this machine: network namespaces joined by a bridge, made and removed by a test."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.conftest import REPOSITORY


@dataclass(frozen=True)
class Host:
    """One network namespace with one address. Only the network is its own."""

    name: str
    address: str
    cable: str

    def command(self, *words: str) -> list[str]:
        """Spell a command that runs on this host.

        `nsenter` and not `ip netns exec`: the latter hides /sys, and with it the cgroups that
        the recorder needs.
        """
        return ["nsenter", f"--net=/run/netns/{self.name}", "--", *words]

    def run(
        self, *words: str, environment: Mapping[str, str] | None = None, check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        """Run a program here and wait for it."""
        return subprocess.run(
            self.command(*words),
            cwd=REPOSITORY,
            env={**os.environ, **(environment or {})},
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
                env={**os.environ, **(environment or {})},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

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
