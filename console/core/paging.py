"""Pages of lists that may be longer than anybody counts."""

from __future__ import annotations

from typing import Any, Final

from django.core.paginator import Paginator
from django.utils.functional import cached_property

MOST_COUNTED: Final = 10_000


class CountedUpTo(int):
    """The number up to which rows were counted, of which there are more: “10,000+”."""

    def __str__(self) -> str:
        return f"{int(self):,}+"


class KnownPaginator(Paginator):  # type: ignore[type-arg]  # generic for the type checker only
    """Pages a list of which somebody knows the length."""

    def __init__(self, rows: Any, per_page: int, *, length: int) -> None:
        super().__init__(rows, per_page)
        self.count = length


class BoundedPaginator(Paginator):  # type: ignore[type-arg]  # generic for the type checker only
    """Counts and pages the first `MOST_COUNTED` rows of a list: what lies behind is searched for.

    Neither the count nor a page reads more rows than these, however many there are.
    """

    @cached_property
    def count(self) -> int:
        """Return how many rows there are, which says so where there are more."""
        rows: Any = self.object_list
        # Without its order and columns, so that the database may stop at the last one counted.
        counted: int = rows.order_by().values("pk")[: MOST_COUNTED + 1].count()
        return CountedUpTo(MOST_COUNTED) if counted > MOST_COUNTED else counted
