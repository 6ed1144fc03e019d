"""What Direct Connect may be used for, and its four roles: the guide's two tables.

Columns: Administrator, Read Only User, Service Account, User; see `console.access.columns`.
"""

from __future__ import annotations

from typing import Final

from console.access.columns import (
    ContentRow,
    RoleHead,
    Row,
    marks_of,
    permissions_of,
    roles_of,
)
from console.modules import NamedPermission, SeededContentSet

CONTENT_SET: Final = "Direct Connect"


def _named(
    key: str, title: str, reference: str, meaning: str, implies: tuple[str, ...] = ()
) -> NamedPermission:
    return NamedPermission(
        key=f"direct_connect_{key}",
        title=title,
        section="Direct Connect",
        meaning=meaning,
        reference=reference,
        implies=implies,
        on_endpoints=bool(implies),
    )


_SEES: Final = ("directconnect.view_session", "endpoints.view_endpoint")

_ROWS: Final[tuple[Row, ...]] = (
    (_named("show", "Show Direct Connect", "RB-01", "open the pages of Direct Connect"), "YYNY"),
    (
        _named(
            "session_read",
            "Direct Connect Session Read",
            "RB-02",
            "see connections to endpoints",
            _SEES,
        ),
        "YYNY",
    ),
    (
        _named(
            "session_write",
            "Direct Connect Session Write",
            "RB-03",
            "open and close connections to endpoints",
            (*_SEES, "directconnect.open_session"),
        ),
        "YNNY",
    ),
    (
        _named(
            "settings_read",
            "Direct Connect Settings Read",
            "RB-04",
            "see the settings of Direct Connect",
        ),
        "YYNY",
    ),
    (
        _named(
            "settings_write",
            "Direct Connect Settings Write",
            "RB-05",
            "change the settings of Direct Connect",
        ),
        "YNNN",
    ),
    (
        _named("logs_read", "Direct Connect Logs Read", "RB-06", "read the logs of Direct Connect"),
        "YNNY",
    ),
    (
        _named(
            "cron_exec",
            "Direct Connect Cron Exec",
            "RB-07",
            "do the regular work of the service account",
        ),
        "NNYN",
    ),
)

_CONTENT: Final[tuple[ContentRow, ...]] = (
    ("read_sensor", "Reserved", "YYNY"),
    ("read_sensor", "Base", "YNNY"),
    ("read_sensor", CONTENT_SET, "YYYY"),
    ("read_action", CONTENT_SET, "YYYY"),
    ("read_own_action", CONTENT_SET, "pppp"),
    ("write_action", CONTENT_SET, "YNYY"),
    ("show_preview", CONTENT_SET, "pNpp"),
    ("read_plugin", CONTENT_SET, "pppp"),
    ("execute_plugin", CONTENT_SET, "YYYY"),
    ("read_package", CONTENT_SET, "pYpp"),
    ("write_package", CONTENT_SET, "YNYY"),
    ("read_saved_question", "Reserved", "YYYY"),
    ("read_saved_question", CONTENT_SET, "YYYY"),
)

_REFERENCE: Final = "RB-01 to RB-10"

PERMISSIONS: Final = permissions_of(_ROWS)
CONTENT_SETS: Final = (SeededContentSet(CONTENT_SET, "What Direct Connect asks and deploys."),)
ROLES: Final = roles_of(
    (
        RoleHead(
            "direct_connect_administrator",
            "Direct Connect Administrator",
            "Everything of Direct Connect, its settings included.",
            _REFERENCE,
        ),
        RoleHead(
            "direct_connect_read_only_user",
            "Direct Connect Read Only User",
            "Looks at connections and settings; opens none.",
            _REFERENCE,
        ),
        RoleHead(
            "direct_connect_service_account",
            "Direct Connect Service Account",
            "The account that does the regular work of Direct Connect; not for people.",
            _REFERENCE,
        ),
        RoleHead(
            "direct_connect_user",
            "Direct Connect User",
            "Opens connections to endpoints and works in them.",
            _REFERENCE,
        ),
    ),
    marks_of(_ROWS),
    _CONTENT,
)
