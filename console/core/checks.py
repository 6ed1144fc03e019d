"""System checks of the settings: each wrong value has an id that stays, and a hint that helps."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register

from console.core.exceptions import Unavailable
from console.core.private_files import is_private

_HOST_NAME: Final = re.compile(
    r"(?=.{1,253}\Z)(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?)"
    r"(?:\.[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?)*\Z",
    re.IGNORECASE,
)
_PORTS: Final = (
    "VEDETTE_WEB_PORT",
    "VEDETTE_GATEWAY_PORT",
    "VEDETTE_SESSIONS_PORT",
    "VEDETTE_STATUS_PORT",
)
_HIGHEST_PORT: Final = 65535
_SHORTEST_SECRET: Final = 32

# The tag of the check that programs run which have no time for all of them.
ENVIRONMENT: Final = "environment"


def register_checks() -> None:
    """Let `manage.py check`, and every start, run the checks of this file."""
    register(check_environment, ENVIRONMENT)
    for check in (
        check_names,
        check_ports,
        check_redis,
        check_trusted_proxies,
        check_secret_key,
        check_keys_directory,
    ):
        register(check, Tags.security)


def check_environment(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[CheckMessage]:
    """Look at the variables whose text could not be used at all."""
    return [
        Error(wrong.problem, hint=wrong.hint, id=wrong.check_id)
        for wrong in settings.VEDETTE_WRONG_VALUES
    ]


def check_names(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[CheckMessage]:
    """Look at the names under which the console is reached."""
    hint = "Set VEDETTE_NAMES to host names and addresses, with commas: console.example,10.0.0.5"
    if not settings.VEDETTE_NAMES:
        return [Error("The console has no name.", hint=hint, id="vedette.E001")]
    return [
        Error(f"{name!r} in VEDETTE_NAMES is not a name or address.", hint=hint, id="vedette.E002")
        for name in settings.VEDETTE_NAMES
        if not _is_address(name) and not _HOST_NAME.match(name)
    ]


def check_ports(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[CheckMessage]:
    """Look at the ports on which the programs listen."""
    return list(_port_errors())


def check_redis(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[CheckMessage]:
    """Look at the address of Redis."""
    if _is_redis(settings.REDIS_URL):
        return []
    return [
        Error(
            "REDIS_URL is not the address of a Redis.",
            hint="Write redis://host:6379/0, rediss://… for TLS, or unix:///path/to/socket; "
            "leave it empty for the embedded one.",
            id="vedette.E005",
        )
    ]


def check_trusted_proxies(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[CheckMessage]:
    """Look at the proxies whose word about source addresses counts."""
    found: list[CheckMessage] = []
    for text in settings.VEDETTE_TRUSTED_PROXIES:
        try:
            network = ipaddress.ip_network(text, strict=False)
        except ValueError:
            found.append(
                Error(
                    f"{text!r} in VEDETTE_TRUSTED_PROXIES is not an address or a network.",
                    hint="Write addresses or networks, with commas: 10.0.0.7,192.0.2.0/28",
                    id="vedette.E006",
                )
            )
            continue
        if network.prefixlen == 0:
            found.append(
                Warning(
                    f"VEDETTE_TRUSTED_PROXIES trusts everybody ({text}).",
                    hint="Anyone could then write any source address into the audit log.",
                    id="vedette.W001",
                )
            )
    return found


def check_secret_key(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[CheckMessage]:
    """Look at the key that signs login sessions."""
    try:
        length = len(settings.SECRET_KEY)
    except Unavailable as refusal:
        return [
            Error(
                f"{refusal}.",
                hint="See who owns the data directory, and what VEDETTE_SECRET_KEY_FILE names.",
                id="vedette.E010",
            )
        ]
    if length >= _SHORTEST_SECRET:
        return []
    return [
        Error(
            f"The key that signs login sessions is shorter than {_SHORTEST_SECRET} characters.",
            hint="Leave VEDETTE_SECRET_KEY empty: the console makes a good one in its data "
            "directory. When the short one stands there, in keys/django.key, remove it.",
            id="vedette.E007",
        )
    ]


def check_keys_directory(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[CheckMessage]:
    """Look at who may read the console's keys."""
    directory = settings.KEYS_DIR
    if not directory.exists():
        return []
    exposed = [path for path in (directory, *directory.glob("*.key")) if not is_private(path)]
    return [
        Error(
            f"Others may read {path}.",
            hint=f"Take their rights away: chmod go-rwx {path}",
            id="vedette.E008",
        )
        for path in exposed
    ]


def _port_errors() -> Iterator[CheckMessage]:
    taken: dict[int, str] = {}
    for name in _PORTS:
        port = getattr(settings, name)
        if not 1 <= port <= _HIGHEST_PORT:
            yield Error(f"{name} is {port}.", hint="Ports go from 1 to 65535.", id="vedette.E003")
        elif port in taken:
            yield Error(
                f"{name} and {taken[port]} are both {port}.",
                hint="Give each program a port of its own.",
                id="vedette.E004",
            )
        taken.setdefault(port, name)


def _is_redis(url: str) -> bool:
    try:
        parts = urlsplit(url)
        has_good_port = parts.port is None or parts.port > 0
    except ValueError:
        return False
    return has_good_port and parts.scheme in {"redis", "rediss", "unix"}


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
