"""Which content sets a user may use, and for what.

The grants stand with the roles. Of one user they are read once and kept with the user object, so
for one request; a change acts on the next one.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any, Final

from django.contrib.auth.models import AnonymousUser
from django.db.models import QuerySet

from console.access.models import ContentSet, ContentSetGrant, User

_KEPT_AS: Final = "_content_grants"


def content_sets_of(user: User | AnonymousUser, permission: str) -> QuerySet[ContentSet]:
    """Return the content sets on which a user has a permission, such as `read_sensor`.

    An administrator has every one on all of them; somebody inactive or anonymous has none.
    """
    if not user.is_active:
        return ContentSet.objects.none()
    if user.is_superuser:
        return ContentSet.objects.all()
    return ContentSet.objects.filter(pk__in=_grants_of(user)[permission])


def usable_content_sets(user: User | AnonymousUser) -> QuerySet[ContentSet]:
    """Return the content sets on which a user has any permission."""
    if not user.is_active:
        return ContentSet.objects.none()
    if user.is_superuser:
        return ContentSet.objects.all()
    return ContentSet.objects.filter(pk__in=set().union(*_grants_of(user).values()))


def may_use(user: User | AnonymousUser, permission: str, content_set: ContentSet | int) -> bool:
    """Tell whether a user has a permission on a content set, given itself or by its number."""
    if not user.is_active:
        return False
    number = content_set.pk if isinstance(content_set, ContentSet) else content_set
    return user.is_superuser or number in _grants_of(user)[permission]


def _grants_of(user: Any) -> defaultdict[str, set[int]]:
    kept: defaultdict[str, set[int]] | None = vars(user).get(_KEPT_AS)
    if kept is None:
        kept = defaultdict(set)
        if user.pk is not None:
            rows = ContentSetGrant.objects.filter(group__user=user.pk)
            for codename, number in rows.values_list("permission__codename", "content_object_id"):
                kept[codename].add(number)
        vars(user)[_KEPT_AS] = kept
    return kept
