"""The home page: what is there, what needs attention, what to do next.

Each module contributes its part through `console.modules.Module.home`; the page only lays out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.utils import timezone
from django.utils.module_loading import import_string

from console.modules import modules


@dataclass(frozen=True, slots=True)
class Tile:
    """One number that matters, and where it leads. `tone` is `plain`, `good` or `alarm`."""

    title: str
    value: str
    note: str
    url: str
    icon: str
    tone: str = "plain"
    order: int = 100


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do to get the most out of the console; done steps stay, ticked."""

    title: str
    text: str
    url: str
    action: str
    is_done: bool
    order: int = 100


@dataclass(frozen=True, slots=True)
class Panel:
    """A list on the home page, rendered by its module's template with its own context."""

    template: str
    context: dict[str, Any]
    order: int = 100


@dataclass(frozen=True, slots=True)
class HomePart:
    """What one module shows on the home page to one user."""

    tiles: Sequence[Tile] = ()
    steps: Sequence[Step] = ()
    panels: Sequence[Panel] = ()


def home_context(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Add the parts of all modules to the context of the home page."""
    now = timezone.now()
    parts: list[HomePart] = [
        import_string(module.home)(request.user, now=now) for module in modules() if module.home
    ]
    steps = sorted((step for part in parts for step in part.steps), key=lambda step: step.order)
    return context | {
        "tiles": sorted((t for part in parts for t in part.tiles), key=lambda tile: tile.order),
        "steps": steps,
        "steps_done": sum(step.is_done for step in steps),
        "panels": sorted((p for part in parts for p in part.panels), key=lambda p: p.order),
    }
