"""Where the pages of roles learn which endpoints a role reaches, without knowing endpoints.

`console.endpoints` stands above this app and registers one provider when it is loaded.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.http import HttpRequest

from console.access.models import Role


@dataclass(frozen=True, slots=True)
class ReachedGroup:
    """One computer group that a role reaches; `url` is empty for who may not see it."""

    name: str
    endpoints: int
    url: str = ""


@dataclass(frozen=True, slots=True)
class ReachNote:
    """Which endpoints a role reaches: all, or those of some groups.

    `endpoints` counts those that are there now, each once.
    """

    everything: bool = False
    endpoints: int = 0
    groups: tuple[ReachedGroup, ...] = ()


@dataclass(frozen=True, slots=True)
class ReachPane:
    """The part of a role's page in which its computer groups are chosen."""

    template: str
    context: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ReachProvider:
    """What the pages ask: notes of roles by their numbers, and the pane of one role."""

    notes: Callable[[Collection[int]], Mapping[int, ReachNote]]
    pane: Callable[[HttpRequest, Role], ReachPane]


_providers: list[ReachProvider] = []


def register(provider: ReachProvider) -> None:
    """Set the provider. Raises ValueError when there is one already."""
    if _providers:
        raise ValueError("the reach of roles has a provider already")
    _providers.append(provider)


def notes_of(roles: Collection[int]) -> dict[int, ReachNote]:
    """Return what each of these roles reaches; a role that reaches nothing has an empty note."""
    notes = dict.fromkeys(roles, ReachNote())
    for provider in _providers:
        notes |= provider.notes(roles)
    return notes


def pane_of(request: HttpRequest, role: Role) -> ReachPane | None:
    """Return the pane in which a role's computer groups are chosen, where there is one."""
    return _providers[0].pane(request, role) if _providers else None
