"""Who may do what at every address of the console: the table that a reviewer reads.

A route that is registered and not in here fails the tests, and so does a rule without a route.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from tests.permissions.page_rules import PAGES
from tests.permissions.rule import (
    ADDS_GROUPS,
    ADDS_LABELS,
    ADDS_TOKENS,
    ADMINISTRATOR,
    ASKS,
    AUDIT,
    CHANGES_ALERTS,
    CHANGES_GROUPS,
    CHANGES_LABELS,
    DELETES_GROUPS,
    DELETES_LABELS,
    DEPLOYS_INTEL,
    LOGIN,
    MADE_EXPORT,
    NOBODY,
    OPENS,
    PASSWORD,
    PUBLIC,
    QUESTION,
    READS_SAVED,
    READS_SENSOR,
    REVOKES_TOKENS,
    RULE,
    SEES_ALERTS,
    SEES_ENDPOINTS,
    SEES_GROUPS,
    SEES_INTEL,
    SEES_LABELS,
    SEES_QUESTIONS,
    SEES_SAVED,
    SEES_SENSORS,
    SEES_TOKENS,
    SIGNAL,
    WRITES_SAVED,
    WRITES_SENSOR,
    Rule,
    Rules,
    naming,
    needs,
    using,
)

_WRITES_SENSOR: Final = using(WRITES_SENSOR, SEES_SENSORS, values="sensor")
_WRITES_SAVED: Final = using(f"{READS_SAVED} {WRITES_SAVED}", SEES_SAVED, values="saved_question")

API: Final[Rules] = {
    ("POST", "auth/token/"): PUBLIC,
    ("POST", "auth/logout/"): LOGIN,
    ("POST", "auth/logout-all/"): LOGIN,
    ("GET", "schema/"): PUBLIC,
    ("GET", "docs/"): PUBLIC,
    # What stands where there is nothing.
    ("GET", ""): NOBODY,
    ("POST", ""): NOBODY,
    ("GET", "users/"): needs("access.view_user"),
    ("POST", "users/"): needs("access.add_user", sends={"username": "new", **PASSWORD}),
    ("GET", "users/<int:pk>/"): needs("access.view_user", values="user"),
    ("PATCH", "users/<int:pk>/"): needs("access.change_user", values="user", sends={}),
    ("POST", "users/<int:pk>/password/"): needs(
        "access.change_user", values="user", sends=PASSWORD
    ),
    ("GET", "users/<int:pk>/effective-access/"): naming(ADMINISTRATOR, "user"),
    ("GET", "permissions/"): LOGIN,
    ("GET", "roles/"): ADMINISTRATOR,
    ("POST", "roles/"): Rule(access="administrator", sends={"name": "Another role"}),
    ("GET", "roles/<int:pk>/"): naming(ADMINISTRATOR, "role"),
    ("PATCH", "roles/<int:pk>/"): Rule(access="administrator", values=("role",), sends={}),
    ("DELETE", "roles/<int:pk>/"): naming(ADMINISTRATOR, "role"),
    ("POST", "roles/<int:pk>/copy/"): Rule(
        access="administrator", values=("role",), sends={"name": "Another role"}
    ),
    ("GET", "content-sets/"): LOGIN,
    ("POST", "content-sets/"): Rule(access="administrator", sends={"name": "Another set"}),
    # Who may use nothing of a content set does not see it.
    ("GET", "content-sets/<int:pk>/"): using(READS_SENSOR, values="content_set"),
    ("PATCH", "content-sets/<int:pk>/"): Rule(
        access="administrator", values=("content_set",), sends={}
    ),
    ("DELETE", "content-sets/<int:pk>/"): naming(ADMINISTRATOR, "content_set"),
    ("GET", "audit-events/"): AUDIT,
    ("GET", "audit-events/<int:sequence>/"): naming(AUDIT, "audit"),
    ("GET", "certificates/"): needs("certificates.view_certificate"),
    ("GET", "certificates/<slug:serial_number>/"): needs(
        "certificates.view_certificate", values="serial"
    ),
    ("GET", "endpoints/"): needs(SEES_ENDPOINTS),
    ("GET", "endpoints/<uuid:pk>/"): needs(SEES_ENDPOINTS, values="endpoint"),
    ("POST", "endpoints/<uuid:pk>/revoke/"): needs(
        SEES_ENDPOINTS, "endpoints.revoke_endpoint", values="endpoint", sends={}
    ),
    ("GET", "computer-groups/"): needs(SEES_GROUPS),
    ("POST", "computer-groups/"): needs(ADDS_GROUPS, sends={"name": "Another", **RULE}),
    ("GET", "computer-groups/<int:pk>/"): needs(SEES_GROUPS, values="computer_group"),
    ("PATCH", "computer-groups/<int:pk>/"): needs(
        SEES_GROUPS, CHANGES_GROUPS, values="computer_group", sends={}
    ),
    ("DELETE", "computer-groups/<int:pk>/"): needs(
        SEES_GROUPS, DELETES_GROUPS, values="computer_group"
    ),
    ("GET", "computer-groups/<int:pk>/members/"): needs(SEES_GROUPS, values="computer_group"),
    ("GET", "computer-groups/<int:pk>/explain/"): needs(
        SEES_GROUPS, SEES_ENDPOINTS, values="computer_group", sends={"endpoint": "$endpoint"}
    ),
    ("POST", "computer-groups/preview/"): needs(SEES_GROUPS, sends=RULE),
    ("POST", "computer-groups/complete/"): needs(SEES_GROUPS, sends={"rule": "", "position": 0}),
    ("GET", "labels/"): needs(SEES_LABELS),
    ("POST", "labels/"): needs(ADDS_LABELS, sends={"name": "another"}),
    ("GET", "labels/<int:pk>/"): needs(SEES_LABELS, values="label"),
    ("PATCH", "labels/<int:pk>/"): needs(SEES_LABELS, CHANGES_LABELS, values="label", sends={}),
    ("DELETE", "labels/<int:pk>/"): needs(SEES_LABELS, DELETES_LABELS, values="label"),
    ("POST", "labels/assign/"): needs(CHANGES_LABELS, sends={"endpoints": ["$endpoint"]}),
    ("GET", "enrolment-tokens/"): needs(SEES_TOKENS),
    ("POST", "enrolment-tokens/"): needs(ADDS_TOKENS, sends={"name": "office"}),
    ("GET", "enrolment-tokens/<int:pk>/"): needs(SEES_TOKENS, values="token"),
    # Who knows no token's text gets no installer: 400.
    ("POST", "enrolment-tokens/<int:pk>/installer/"): needs(ADDS_TOKENS, values="token", sends={}),
    ("POST", "enrolment-tokens/<int:pk>/revoke/"): needs(REVOKES_TOKENS, values="token", sends={}),
    ("GET", "sessions/"): needs(OPENS),
    # The endpoint of the scene is offline: 409.
    ("POST", "sessions/"): needs(SEES_ENDPOINTS, OPENS, sends={"endpoint": "$endpoint"}),
    ("GET", "sessions/<uuid:pk>/"): needs(OPENS, values="session"),
    ("POST", "sessions/<uuid:pk>/close/"): needs(OPENS, values="session", sends={}),
    ("GET", "sessions/<uuid:pk>/events/"): needs(OPENS, values="ended_session"),
    ("GET", "intel/"): needs(SEES_INTEL),
    ("POST", "intel/"): needs("intel.add_inteldocument", sends=SIGNAL),
    ("POST", "intel/validate/"): needs(SEES_INTEL, sends={"definition": SIGNAL["definition"]}),
    ("GET", "intel/<uuid:pk>/"): needs(SEES_INTEL, values="intel"),
    ("PATCH", "intel/<uuid:pk>/"): needs(
        SEES_INTEL, "intel.change_inteldocument", values="intel", sends={}
    ),
    ("DELETE", "intel/<uuid:pk>/"): needs(SEES_INTEL, "intel.delete_inteldocument", values="intel"),
    ("POST", "intel/<uuid:pk>/deploy/"): DEPLOYS_INTEL,
    ("POST", "intel/<uuid:pk>/withdraw/"): DEPLOYS_INTEL,
    ("GET", "intel-deployment/"): needs(SEES_INTEL),
    ("GET", "intel-deployment/endpoints/"): needs(SEES_ENDPOINTS),
    ("GET", "alerts/"): needs(SEES_ALERTS),
    ("GET", "alerts/counts/"): needs(SEES_ALERTS),
    ("POST", "alerts/change-state/"): needs(CHANGES_ALERTS, sends={"ids": [], "state": "RESOLVED"}),
    ("GET", "alerts/<uuid:pk>/"): needs(SEES_ALERTS, values="alert"),
    ("PATCH", "alerts/<uuid:pk>/"): needs(
        SEES_ALERTS, CHANGES_ALERTS, values="alert", sends={"state": "RESOLVED"}
    ),
    # As much as one may see, be it nothing.
    ("GET", "questions/"): LOGIN,
    ("POST", "questions/"): needs(ASKS, sends=QUESTION),
    ("POST", "questions/check/"): needs(ASKS, sends=QUESTION),
    ("POST", "questions/complete/"): needs(ASKS, sends={"text": "Get "}),
    ("GET", "questions/<uuid:pk>/"): needs(SEES_QUESTIONS, values="question"),
    # Whoever asked it, and administrators.
    ("POST", "questions/<uuid:pk>/cancel/"): naming(ADMINISTRATOR, "question"),
    ("GET", "questions/<uuid:pk>/rows/"): needs(SEES_QUESTIONS, values="question"),
    ("GET", "questions/<uuid:pk>/rows/<int:row_id>/endpoints/"): needs(
        SEES_QUESTIONS, values="question answer_row"
    ),
    ("GET", "questions/<uuid:pk>/endpoint-rows/"): needs(SEES_QUESTIONS, values="question"),
    ("GET", "questions/<uuid:pk>/unanswered/"): needs(SEES_QUESTIONS, values="question"),
    # There is no earlier answer: 400.
    ("GET", "questions/<uuid:pk>/comparison/"): needs(SEES_QUESTIONS, values="question"),
    ("GET", "questions/<uuid:pk>/exports/"): needs(SEES_QUESTIONS, values="question"),
    ("POST", "questions/<uuid:pk>/exports/"): needs(
        SEES_QUESTIONS, values="question", sends={"format": "csv"}
    ),
    # An export is its maker's, who is the administrator here.
    ("GET", "questions/<uuid:pk>/exports/<uuid:export_id>/"): MADE_EXPORT,
    ("GET", "questions/<uuid:pk>/exports/<uuid:export_id>/file/"): MADE_EXPORT,
    ("POST", "questions/<uuid:pk>/exports/<uuid:export_id>/cancel/"): MADE_EXPORT,
    # Who may use nothing of a content set sees none of what lies in it.
    ("GET", "saved-questions/"): needs(SEES_SAVED),
    ("POST", "saved-questions/"): needs(SEES_SAVED, sends={}),
    ("GET", "saved-questions/<int:pk>/"): using(READS_SAVED, SEES_SAVED, values="saved_question"),
    ("PATCH", "saved-questions/<int:pk>/"): _WRITES_SAVED,
    ("DELETE", "saved-questions/<int:pk>/"): _WRITES_SAVED,
    ("POST", "saved-questions/<int:pk>/ask/"): using(READS_SAVED, ASKS, values="saved_question"),
    ("GET", "saved-questions/<int:pk>/history/"): using(
        READS_SAVED, SEES_SAVED, values="saved_question"
    ),
    ("GET", "sensors/"): needs(SEES_SENSORS),
    ("POST", "sensors/"): needs(SEES_SENSORS, sends={}),
    ("POST", "sensors/test/"): needs(ASKS, sends={}),
    ("GET", "sensors/<int:pk>/"): using(READS_SENSOR, SEES_SENSORS, values="sensor"),
    ("PATCH", "sensors/<int:pk>/"): Rule(
        access="administrator", values=("sensor",), sends={"content_set": "$content_set"}
    ),
    ("GET", "sensors/<int:pk>/versions/"): _WRITES_SENSOR,
    ("POST", "sensors/<int:pk>/versions/"): _WRITES_SENSOR,
    ("POST", "sensors/<int:pk>/retire/"): _WRITES_SENSOR,
}

# The list of one app's models: whoever may see one of them. The pattern names all apps.
APP_LISTS: Final = {
    "audit": needs("audit.view_auditevent"),
    "access": ADMINISTRATOR,
    "certificates": needs("certificates.view_certificate"),
    "endpoints": needs(SEES_ENDPOINTS),
    "intel": needs(SEES_INTEL),
    "alerts": needs(SEES_ALERTS),
}

# What endpoints reach, by port: which proof each address asks for.
STATUS_PORT: Final = {
    ("GET", "status"): "nothing",
    ("GET", "ca.pem"): "nothing",
    ("POST", "enrol"): "token",
    ("GET", "install"): "token",
    ("GET", "bundle"): "token",
}
SESSIONS_PORT: Final = {("POST", "certificate/renew"): "certificate"}

BROWSER_SOCKETS: Final = {
    "ws/live/alerts/": needs(SEES_ALERTS),
    "ws/live/questions/": Rule(either=(ASKS, SEES_QUESTIONS)),
    "ws/sessions/<uuid:session_id>/": needs(OPENS, values="session"),
    "": NOBODY,
}
ENDPOINT_SOCKETS: Final = {"session/<uuid:session_id>": "certificate and ticket", "": "refused"}


def api_rules() -> Iterator[tuple[str, str, Rule]]:
    """Yield (method, pattern, rule) of the REST API."""
    return ((method, f"api/v1/{pattern}", rule) for (method, pattern), rule in API.items())


def page_rules() -> Iterator[tuple[str, str, Rule]]:
    """Yield (method, pattern, rule) of the pages, without the lists of apps."""
    return ((method, pattern, rule) for (method, pattern), rule in PAGES.items())
