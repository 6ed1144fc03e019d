"""What the search bar of a live session offers: properties, their conditions, quick filters.

The language itself decides what is valid; this is only what a person can pick without typing.
"""

from __future__ import annotations

from typing import Any, Final

from detection.signals.expression import Condition, Term
from detection.signals.properties import CONDITIONS_OF, PROPERTIES, Property
from protocol.events import KINDS

# The registry and loaded images are recorded on Windows only.
_KINDS_OF_WINDOWS: Final = frozenset({"registry", "image"})


def search_vocabulary(os: str) -> dict[str, Any]:
    """Return, as JSON, what can be asked of an endpoint with this operating system."""
    rows = [row for row in PROPERTIES.values() if os in row.platforms]
    return {
        "properties": [_property(row) for row in rows],
        "kinds": [kind for kind in KINDS if os == "windows" or kind not in _KINDS_OF_WINDOWS],
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
