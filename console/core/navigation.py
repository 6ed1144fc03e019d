"""The navigation of the web console, collected from the modules, and its looks.

Unfold asks these functions at every page: what a user may not open is not in the list.
"""

from __future__ import annotations

from itertools import groupby
from typing import Any, Final
from urllib.parse import urlencode

from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse, reverse_lazy

from console.modules import MenuEntry, modules

# The headings in the order in which they stand; entries of a group are sorted by `order`.
GROUPS: Final = ("Threat Response", "Endpoints", "Management", "Administration")

OWN_ENTRIES: Final = (
    MenuEntry(
        group="Endpoints",
        title="Endpoints",
        icon="computer",
        url_name="admin:endpoints_endpoint_changelist",
        permission="endpoints.view_endpoint",
        order=10,
    ),
    MenuEntry(
        group="Endpoints",
        title="Enrolment tokens",
        icon="key",
        url_name="admin:certificates_enrolmenttoken_changelist",
        permission="certificates.view_enrolmenttoken",
        order=20,
    ),
    MenuEntry(
        group="Administration",
        title="Users",
        icon="group",
        url_name="admin:access_user_changelist",
        permission="access.view_user",
        order=10,
    ),
    MenuEntry(
        group="Administration",
        title="Audit log",
        icon="history",
        url_name="admin:audit_auditevent_changelist",
        permission="audit.view_auditevent",
        order=20,
    ),
    MenuEntry(
        group="Administration",
        title="Certificates",
        icon="verified_user",
        url_name="admin:certificates_certificate_changelist",
        permission="certificates.view_certificate",
        order=30,
    ),
)


def sidebar(request: HttpRequest) -> list[dict[str, Any]]:
    """List the groups of links that this user may open, in Unfold's form."""
    entries = [*OWN_ENTRIES, *(entry for module in modules() for entry in module.menu)]
    entries.sort(key=lambda entry: (GROUPS.index(entry.group), entry.order, entry.title))
    home: dict[str, Any] = {
        "items": [{"title": "Home", "icon": "home", "link": reverse_lazy("admin:index")}]
    }
    groups = [
        {"title": title, "separator": True, "items": [_item(request, entry) for entry in members]}
        for title, members in groupby(entries, key=lambda entry: entry.group)
    ]
    return [home, *groups]


def _item(request: HttpRequest, entry: MenuEntry) -> dict[str, Any]:
    allowed = any(map(request.user.has_perm, (entry.permission, *entry.or_permissions)))
    return {
        "title": entry.title,
        "icon": entry.icon,
        "link": reverse(entry.url_name),
        "permission": lambda _request: allowed,
    }


def logo(_request: HttpRequest | None = None) -> str:
    """Return the address of the sign of Vedette."""
    return static("console/vedette.svg")


def stylesheet(_request: HttpRequest | None = None) -> str:
    """Return the address of the console's own styles."""
    return static("console/console.css")


def confirm_script(_request: HttpRequest | None = None) -> str:
    """Return the address of what asks before an act that cannot be undone."""
    return static("console/confirm.js")


def keyboard_script(_request: HttpRequest | None = None) -> str:
    """Return the address of the keyboard shortcuts, which every page has."""
    return static("console/keyboard.js")


def instants_script(request: HttpRequest | None = None) -> str:
    """Return the address of what tells instants in the user's own time zone, too."""
    zone = getattr(getattr(request, "user", None), "time_zone", "UTC")
    return f"{static('console/instants.js')}?{urlencode({'zone': zone})}"
