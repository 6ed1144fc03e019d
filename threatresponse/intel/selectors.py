"""Read intel documents."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from django.contrib.auth.models import AbstractUser, AnonymousUser
from django.db.models import QuerySet

from threatresponse.intel.models import IntelDocument


def intel_visible_to(user: AbstractUser | AnonymousUser) -> QuerySet[IntelDocument]:
    """List the documents that this user may see."""
    if user.has_perm("intel.view_inteldocument"):
        return IntelDocument.objects.all()
    return IntelDocument.objects.none()


def documents_named(ids: Collection[UUID]) -> dict[UUID, IntelDocument]:
    """Map those of these ids that are known to what alerts copy: name and techniques."""
    return IntelDocument.objects.only("id", "name", "techniques").in_bulk(list(ids))
