"""The steps that turn an empty directory into a console, and find one that is there already.

Every step is idempotent: a second start repeats them all and changes nothing.
"""

from __future__ import annotations

import fcntl
import hashlib
import http.client
import json
import os
import shutil
import socket
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import redis
from django.conf import settings
from django.contrib.staticfiles import finders
from django.core.management import call_command

from console.core.private_files import make_private_directory
from console.core.redis import client
from console.supervisor.exceptions import AlreadyRunning, CannotStart, PortTaken
from console.supervisor.programs import (
    agent_command,
    agent_home,
    environment_without_secrets,
)

AGENT_TOKEN_LIFETIME_MINUTES = 10


@contextmanager
def claimed_data_directory() -> Iterator[Path]:
    """Make the data directory, for the owner only, and hold its lock.

    Raises AlreadyRunning when another supervisor holds it, CannotStart when it cannot be made or
    belongs to somebody else.
    """
    directory = settings.DATA_DIR
    try:
        make_private_directory(directory)
        for name in ("run", "logs", "keys", "files"):
            (directory / name).mkdir(mode=0o700, exist_ok=True)
        lock = (directory / "run" / "supervisor.lock").open("a+", errors="replace")
    except OSError as error:
        raise CannotStart(
            f"the data directory {directory} cannot be used: {error.strerror} "
            f"({error.filename}); set VEDETTE_DATA to a place that can be written"
        ) from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise AlreadyRunning(
                f"a console already runs on {directory} (process {lock.read().strip()}); "
                "stop it first, or set VEDETTE_DATA to another directory"
            ) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield directory


def check_ports_are_free() -> None:
    """Raise PortTaken, naming the port and its variable, when another program listens there."""
    web, endpoints = settings.VEDETTE_WEB_ADDRESS, settings.VEDETTE_ENDPOINT_ADDRESS
    wanted = (
        (web, settings.VEDETTE_WEB_PORT, "VEDETTE_WEB_PORT"),
        (endpoints, settings.VEDETTE_GATEWAY_PORT, "VEDETTE_GATEWAY_PORT"),
        (endpoints, settings.VEDETTE_SESSIONS_PORT, "VEDETTE_SESSIONS_PORT"),
        (endpoints, settings.VEDETTE_STATUS_PORT, "VEDETTE_STATUS_PORT"),
    )
    for address, port, variable in wanted:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((address, port))
            except OSError as error:
                raise PortTaken(
                    f"port {port} on {address} cannot be used ({error.strerror}): stop what "
                    f"listens there, or choose another port with {variable}"
                ) from error


def redis_problem() -> str:
    """Say why Redis, embedded or not, does not take commands yet; "" when it does."""
    try:
        with client() as connection:
            connection.ping()
    except (redis.RedisError, OSError) as error:
        return str(error) or type(error).__name__
    return ""


def prepare_static_files() -> None:
    """Collect and compress what browsers load, when something of it changed."""
    stamp = settings.STATIC_ROOT / ".collected"
    fingerprint = _static_fingerprint()
    if stamp.is_file() and stamp.read_bytes() == fingerprint.encode("ascii"):
        return
    shutil.rmtree(settings.STATIC_ROOT, ignore_errors=True)
    call_command("collectstatic", interactive=False, verbosity=0)
    stamp.write_text(fingerprint, encoding="ascii")


def _static_fingerprint() -> str:
    digest = hashlib.sha256()
    for finder in finders.get_finders():
        for name, storage in finder.list([]):
            stat = Path(storage.path(name)).stat()
            digest.update(f"{name}\0{stat.st_size}\0{stat.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def own_address(listening: str) -> str:
    """Return the address at which this machine reaches what listens there on this machine.

    Not `localhost`: a container may have no file of host names that knows it.
    """
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(listening, listening)  # noqa: S104 - a key


def console_problem(authority: Path) -> str:
    """Ask the web program how all programs are: say which are not up and why; "" when all are."""
    context = ssl.create_default_context(cafile=str(authority))
    host, port = own_address(settings.VEDETTE_WEB_ADDRESS), settings.VEDETTE_WEB_PORT
    connection = http.client.HTTPSConnection(host, port, timeout=5, context=context)
    try:
        connection.request("GET", "/healthz/")
        response = connection.getresponse()
        return _missing_programs(response.status, json.loads(response.read()))
    except (OSError, http.client.HTTPException, ValueError) as error:
        return f"web on {host} port {port} does not answer ({error or type(error).__name__})"
    finally:
        connection.close()


def _missing_programs(status: int, health: Any) -> str:
    if status == http.client.OK:
        return ""
    programs = health.get("programs", {}) if isinstance(health, dict) else {}
    down = [
        f"{name} ({program.get('reason', 'down')})"
        for name, program in programs.items()
        if program.get("state") != "up"
    ]
    return ", ".join(down) or f"/healthz/ answers with status {status}"


def agent_is_enrolled() -> bool:
    """Tell whether the agent of this machine already has its certificate."""
    return any((agent_home() / "etc").glob("*.json"))


def enrol_agent(*, authority: Path, token: str) -> None:
    """Let the agent of this machine join this console.

    Raises CannotStart with the agent's own words when it is refused.
    """
    token_file = settings.DATA_DIR / "run" / "agent.token"
    token_file.touch(mode=0o600)
    token_file.write_text(token, encoding="ascii")
    address = own_address(settings.VEDETTE_ENDPOINT_ADDRESS)
    host = f"[{address}]" if ":" in address else address
    command = agent_command(
        *("enroll", "--console", f"{host}:{settings.VEDETTE_STATUS_PORT}"),
        *("--ca", str(authority), "--token-file", str(token_file)),
    )
    try:
        result = subprocess.run(  # noqa: S603 - our own agent
            command,
            cwd=settings.BASE_DIR,
            env=environment_without_secrets(),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise CannotStart(
            f"the agent of this machine did not enrol within {error.timeout:g} s; "
            "VEDETTE_NO_AGENT=1 starts the console without it"
        ) from error
    finally:
        token_file.unlink()
    if result.returncode != 0:
        raise CannotStart(f"the agent of this machine could not enrol: {result.stderr.strip()}")
