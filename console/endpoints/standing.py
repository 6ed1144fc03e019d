"""Put an endpoint's last status report into words: health, event sources, counters.

The report is the endpoint's word, kept as JSON: every value may be missing or of another type.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from console.endpoints.models import Endpoint
from protocol.events import KINDS

# A source that lost an event still sees the next one.
_SEEING: Final = frozenset({"running", "degraded"})
_TONES: Final = {"running": "good", "degraded": "warn", "failed": "alarm", "absent": ""}


@dataclass(frozen=True, slots=True)
class Health:
    """One word for the list, a tone, and the sentences behind it."""

    text: str
    tone: str
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SourceRow:
    """One event source of an endpoint."""

    name: str
    state: str
    tone: str
    kinds: str
    blind_to: str
    reason: str


@dataclass(frozen=True, slots=True)
class CounterRow:
    """How many events of one kind since the agent's start."""

    kind: str
    seen: int
    filtered: int
    recorded: int
    lost: int


def health_of(endpoint: Endpoint) -> Health:
    """Judge an endpoint by its last report."""
    report = _dictionary(endpoint.status)
    if not report:
        return Health("No report yet", "")
    problems = tuple(_texts(report.get("problems")))
    lost = sum(row.lost for row in describe_counters(endpoint))
    sources = describe_sources(endpoint)
    if not any(source.state in _SEEING for source in sources):
        return Health("Blind", "alarm", problems)
    if lost:
        problems += (f"{lost:,} events were lost since the agent started.",)
    if problems:
        return Health("Attention needed", "warn", problems)
    return Health("Nominal", "good")


def describe_sources(endpoint: Endpoint) -> list[SourceRow]:
    """List the event sources as the endpoint reported them."""
    rows = []
    for source in _list(_dictionary(endpoint.status).get("sources")):
        fields = _dictionary(source)
        state = str(fields.get("state", ""))
        rows.append(
            SourceRow(
                name=str(fields.get("name", "")),
                state=state,
                tone=_TONES.get(state, ""),
                kinds=", ".join(_texts(fields.get("kinds"))),
                blind_to=", ".join(_texts(fields.get("blind_to"))),
                reason=str(fields.get("reason", "")),
            )
        )
    return rows


def describe_counters(endpoint: Endpoint) -> list[CounterRow]:
    """List the counters of every kind that the endpoint reported, in the usual order."""
    counters = _dictionary(_dictionary(endpoint.status).get("counters"))
    return [
        CounterRow(
            kind,
            *(
                _number(_dictionary(counters[kind]).get(name))
                for name in ("seen", "filtered", "recorded", "lost")
            ),
        )
        for kind in KINDS
        if kind in counters
    ]


def instant_of(microseconds: Any) -> datetime | None:
    """Return the instant that a report names, or None where it names none."""
    number = _number(microseconds)
    if not 0 < number < 253_402_300_799_000_000:
        return None
    return datetime.fromtimestamp(number / 1_000_000, tz=UTC)


def _dictionary(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _texts(value: Any) -> list[str]:
    return [str(item) for item in _list(value)]


def _number(value: Any) -> int:
    return int(value) if isinstance(value, int | float) else 0
