"""Who is asked: endpoints within a reach and some groups, as rows, in one statement."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import Exists, OuterRef, QuerySet

from console.endpoints.models import ComputerGroup, Endpoint, Membership
from console.endpoints.reach import Reach
from console.questions.models import Question, QuestionTarget

_ASKED_AT_ONCE: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Whom a question may reach. Without `groups`, all that `reach` reaches.

    `endpoint_ids` narrows it to these, as for a test of a sensor; many are a statement that
    selects them.
    """

    reach: Reach
    groups: tuple[ComputerGroup, ...] = ()
    endpoint_ids: frozenset[UUID] | QuerySet[Any, Any] | None = None

    def endpoints(self) -> QuerySet[Endpoint]:
        """Return the endpoints that are asked: enrolled, not revoked, and in scope."""
        endpoints = self.reach.endpoints(Endpoint.objects.filter(revoked_at=None))
        if self.endpoint_ids is not None:
            endpoints = endpoints.filter(pk__in=self.endpoint_ids)
        if self.groups and ComputerGroup.Kind.ALL not in {group.kind for group in self.groups}:
            group_ids = [group.pk for group in self.groups]
            members = Membership.objects.filter(endpoint=OuterRef("pk"), group__in=group_ids)
            endpoints = endpoints.filter(Exists(members))
        return endpoints


def add_targets(question: Question, scope: Scope) -> int:
    """Let the question wait for everybody in scope who is not asked yet; tell how many are new."""
    return _insert(question, scope.endpoints())


def add_joiners(question: Question, scope: Scope, endpoint_ids: Iterable[UUID]) -> list[UUID]:
    """Let the question wait for those of these endpoints that are in scope; return the new ones."""
    asked = QuestionTarget.objects.filter(question=question, endpoint=OuterRef("pk"))
    in_scope = scope.endpoints().exclude(Exists(asked))
    joined = list(endpoint_ids)
    newcomers: list[UUID] = []
    for start in range(0, len(joined), _ASKED_AT_ONCE):
        slice_ = joined[start : start + _ASKED_AT_ONCE]
        found = list(in_scope.filter(pk__in=slice_).values_list("pk", flat=True))
        _insert(question, Endpoint.objects.filter(pk__in=found))
        newcomers += found
    return newcomers


def waiting_endpoints(question_id: UUID) -> list[UUID]:
    """List the endpoints that have not answered, or only in part."""
    return list(
        QuestionTarget.objects.filter(
            question=question_id, state=QuestionTarget.State.WAITING
        ).values_list("endpoint_id", flat=True)
    )


def _insert(question: Question, endpoints: QuerySet[Endpoint]) -> int:
    try:
        selected, parameters = endpoints.order_by().values("id").query.sql_with_params()
    except EmptyResultSet:
        # Django knows without asking that nobody is in there.
        return 0
    table = connection.ops.quote_name(QuestionTarget._meta.db_table)
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {table} (question_id, endpoint_id, state, parts_seen, "  # noqa: S608 - our own names
            '"rows", "cut", took, reason) '
            f"SELECT %s, asked.id, %s, 0, 0, 0, 0, '' FROM ({selected}) AS asked WHERE true "
            "ON CONFLICT (question_id, endpoint_id) DO NOTHING",
            [
                Question._meta.pk.get_db_prep_value(question.pk, connection),
                QuestionTarget.State.WAITING.value,
                *parameters,
            ],
        )
        return int(cursor.rowcount)
