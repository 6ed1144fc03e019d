"""The registry through which modules join the console without the console knowing them.

A module calls `register_module` in `AppConfig.ready()` with its menu entries, its handlers of
messages from endpoints, and what it publishes to endpoints that come online. The console walks the
registry; it never imports a module.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from protocol.messages import Message

# (endpoint id, its message, when the gateway received it) in the order of arrival.
Received = tuple[UUID, Any, int]


@dataclass(frozen=True, slots=True)
class MenuEntry:
    """One line of the navigation. `permission` is `app_label.codename`; `group` its heading.

    Whoever has one of `or_permissions` sees it, too.
    """

    group: str
    title: str
    icon: str
    url_name: str
    permission: str
    order: int = 100
    or_permissions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class EndpointOperation:
    """Something to do with one endpoint, offered on its page as a button that posts.

    `url_name` takes the endpoint's id. With `needs_online` the button is idle while it is offline.
    """

    title: str
    icon: str
    url_name: str
    permission: str
    needs_online: bool = True


@dataclass(frozen=True, slots=True)
class NamedPermission:
    """One row of the matrix of roles: what may be done, in the words of the guides.

    `key` names it for ever, in the database too. `implies` are the permissions that routes check,
    each `app_label.codename`; `provides` the keys of the named permissions that come with this
    one; `content` what it grants on content sets, as (content set, key). With `per_content_set`
    the permission itself is granted on content sets, one by one. `reference` is the requirement
    that asks for it, and `meaning` completes "Whoever has it may ...".
    """

    key: str
    title: str
    section: str
    meaning: str
    reference: str = ""
    implies: tuple[str, ...] = ()
    provides: tuple[str, ...] = ()
    content: tuple[tuple[str, str], ...] = ()
    per_content_set: bool = False
    on_endpoints: bool = False


@dataclass(frozen=True, slots=True)
class SeededContentSet:
    """A content set that every console has. A reserved one holds what the console is made of."""

    name: str
    description: str
    reserved: bool = True


@dataclass(frozen=True, slots=True)
class SeededRole:
    """A role that every console has and nobody changes: `content` as in `NamedPermission`.

    `permissions` and `content` list what comes with something else, too.
    """

    key: str
    name: str
    description: str
    reference: str = ""
    permissions: frozenset[str] = frozenset()
    content: frozenset[tuple[str, str]] = frozenset()


@dataclass(frozen=True, slots=True)
class Module:
    """What one module adds to the console.

    `handlers` maps a message type to a service that stores a batch of such messages inside the
    ingester's transaction, idempotently. `api_urls` and `page_urls` are URL modules by name.
    `websocket_routes` is a dotted name of a list of Channels routes, `home` one of a function
    `(user, *, now) -> console.core.home.HomePart`.
    """

    name: str
    menu: Sequence[MenuEntry] = ()
    handlers: dict[type[Message], Callable[[Sequence[Received]], None]] = field(
        default_factory=dict
    )
    on_endpoint_enrolled: Sequence[Callable[[UUID], None]] = ()
    api_urls: str = ""
    page_urls: str = ""
    websocket_routes: str = ""
    home: str = ""
    endpoint_operations: Sequence[EndpointOperation] = ()
    permissions: Sequence[NamedPermission] = ()
    roles: Sequence[SeededRole] = ()
    content_sets: Sequence[SeededContentSet] = ()


_modules: dict[str, Module] = {}


def register_module(module: Module) -> None:
    """Add a module. Raises ValueError when its name or one of its messages is taken."""
    if module.name in _modules:
        raise ValueError(f"module {module.name} is registered twice")
    for message in module.handlers:
        if message in message_handlers():
            raise ValueError(f"{message.__name__} has two handlers")
    _modules[module.name] = module


def modules() -> list[Module]:
    """List the registered modules in the order of their registration."""
    return list(_modules.values())


def message_handlers() -> dict[type[Message], Callable[[Sequence[Received]], None]]:
    """Map every message type to the one service that stores it."""
    return {kind: call for module in modules() for kind, call in module.handlers.items()}


def endpoint_operations() -> list[EndpointOperation]:
    """List what modules offer to do with one endpoint."""
    return [operation for module in modules() for operation in module.endpoint_operations]
