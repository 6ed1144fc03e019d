"""Background jobs of endpoints; each is one call of a service."""

from __future__ import annotations

from django.utils import timezone

from console.celery import app
from console.endpoints import evaluation


@app.task(name="endpoints.evaluate_groups")  # type: ignore[untyped-decorator] # celery has no types
def evaluate_groups(*, group_ids: list[int]) -> None:
    """Find the members of groups, and of those that ask about them, among many endpoints."""
    evaluation.evaluate_groups(group_ids, now=timezone.now())
