"""Delete many rows in small transactions: SQLite has one writer, and others must not wait."""

from __future__ import annotations

from typing import Any, Final

from django.db.models import QuerySet

_AT_ONCE: Final = 5000


def delete_in_pieces(rows: QuerySet[Any]) -> int:
    """Delete these rows; tell how many."""
    count = 0
    while piece := list(rows.values_list("pk", flat=True)[:_AT_ONCE]):
        rows.model._default_manager.filter(pk__in=piece).delete()
        count += len(piece)
    return count
