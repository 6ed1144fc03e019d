"""Say which certificates a user may see.

An endpoint's certificate is for those who reach the endpoint. Reach is known further up, by
`console.endpoints`, which says so here when it starts; until somebody has, only the console's own
certificates are shown.
"""

from __future__ import annotations

from collections.abc import Callable

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db.models import QuerySet

from console.certificates.models import Certificate

PERMISSION = "certificates.view_certificate"

User = AbstractBaseUser | AnonymousUser
Narrow = Callable[[User, QuerySet[Certificate]], QuerySet[Certificate]]

_narrowing: list[Narrow] = []


def narrow_by(narrow: Narrow) -> None:
    """Name what leaves of endpoints' certificates those that a user may see."""
    _narrowing.append(narrow)


def certificates_visible_to(user: User) -> QuerySet[Certificate]:
    """Return the console's own certificates, and those of the endpoints that the user reaches."""
    certificates = Certificate.objects.select_related("authority")
    if isinstance(user, AnonymousUser) or not user.has_perm(PERMISSION):  # type: ignore[attr-defined]  # every user here has permissions
        return certificates.none()
    own = certificates.filter(purpose=Certificate.Purpose.SERVER)
    if not _narrowing:
        return own
    others = certificates.exclude(purpose=Certificate.Purpose.SERVER)
    for narrow in _narrowing:
        others = narrow(user, others)
    return own | others
