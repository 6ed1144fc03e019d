"""What the search bar of a live session offers: properties, their conditions, quick filters.

The language itself decides what is valid; this is only what a person can pick without typing.
"""

from __future__ import annotations

from typing import Any, Final

from detection.signals.expression import Condition, Term
from detection.signals.properties import CONDITIONS_OF, PROPERTIES, Property

# An event has the operation of its kind always, and of no other kind.
KIND_FILTERS: Final = {
    "file": "file.operation is not null",
    "network": "network.operation is not null",
    "dns": "dns.operation is not null",
}


def search_vocabulary(os: str) -> dict[str, Any]:
    """Return, as JSON, what can be asked of an endpoint with this operating system."""
    rows = [row for row in PROPERTIES.values() if os in row.platforms]
    return {
        "properties": [_property(row) for row in rows],
        "kinds": [{"name": name, "expression": text} for name, text in KIND_FILTERS.items()],
    }


def _property(row: Property) -> dict[str, Any]:
    allowed = [condition for condition in Condition if condition in CONDITIONS_OF[row.type]]
    return {
        "name": row.name,
        "sentence": row.sentence,
        "type": row.type.value,
        "conditions": [
            Term(row.name, condition, negated=negated).spelling
            for condition in allowed
            for negated in (False, True)
        ],
    }
