"""Who may do what at every address of the console: the table that a reviewer reads.

A route that is registered and not in here fails the tests, and so does a rule without a route.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final


@dataclass(frozen=True, slots=True)
class Rule:
    """What one method at one address needs.

    `permissions` are all needed, and nothing else is. `sends` is a body with which somebody who is
    let in gets a better answer than a refusal; `values` fill the address' parameters, by the name
    of a thing in the scene.
    """

    permissions: tuple[str, ...] = ()
    access: str = "permission"
    values: tuple[str, ...] = ()
    sends: dict[str, Any] | None = None


Rules = dict[tuple[str, str], Rule]

PUBLIC: Final = Rule(access="public")
LOGIN: Final = Rule(access="login")
ADMINISTRATOR: Final = Rule(access="administrator")
NOBODY: Final = Rule(access="nobody")


def needs(*permissions: str, values: str = "", sends: dict[str, Any] | None = None) -> Rule:
    """Spell the rule of something that needs exactly these permissions."""
    return Rule(permissions, values=tuple(values.split()), sends=sends)


def _of(rule: Rule, *values: str) -> Rule:
    return Rule(rule.permissions, rule.access, values, rule.sends)


SIGNAL: Final = {
    "name": "Another",
    "type": "signal",
    "platforms": ["linux"],
    "definition": "process.command_line contains 'wget'",
    "techniques": [],
}
PASSWORD: Final = {"password": "another long pass phrase"}
OPENS: Final = "directconnect.open_session"
SEES_ENDPOINTS: Final = "endpoints.view_endpoint"
ADDS_TOKENS: Final = "certificates.add_enrolmenttoken"
REVOKES_TOKENS: Final = "certificates.revoke_enrolmenttoken"
SEES_TOKENS: Final = "certificates.view_enrolmenttoken"
SEES_INTEL, DEPLOYS = "intel.view_inteldocument", "intel.deploy_inteldocument"
SEES_ALERTS, CHANGES_ALERTS = "alerts.view_alert", "alerts.change_alert"

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
    ("GET", "audit-events/"): needs("audit.view_auditevent"),
    ("GET", "audit-events/<int:sequence>/"): needs("audit.view_auditevent", values="audit"),
    ("GET", "certificates/"): needs("certificates.view_certificate"),
    ("GET", "certificates/<slug:serial_number>/"): needs(
        "certificates.view_certificate", values="serial"
    ),
    ("GET", "endpoints/"): needs(SEES_ENDPOINTS),
    ("GET", "endpoints/<uuid:pk>/"): needs(SEES_ENDPOINTS, values="endpoint"),
    ("POST", "endpoints/<uuid:pk>/revoke/"): needs(
        SEES_ENDPOINTS, "endpoints.revoke_endpoint", values="endpoint", sends={}
    ),
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
    ("POST", "intel/<uuid:pk>/deploy/"): needs(SEES_INTEL, DEPLOYS, values="intel", sends={}),
    ("POST", "intel/<uuid:pk>/withdraw/"): needs(SEES_INTEL, DEPLOYS, values="intel", sends={}),
    ("GET", "intel-deployment/"): needs(SEES_INTEL),
    ("GET", "intel-deployment/endpoints/"): needs(SEES_ENDPOINTS),
    ("GET", "alerts/"): needs(SEES_ALERTS),
    ("GET", "alerts/counts/"): needs(SEES_ALERTS),
    ("POST", "alerts/change-state/"): needs(CHANGES_ALERTS, sends={"ids": [], "state": "RESOLVED"}),
    ("GET", "alerts/<uuid:pk>/"): needs(SEES_ALERTS, values="alert"),
    ("PATCH", "alerts/<uuid:pk>/"): needs(
        SEES_ALERTS, CHANGES_ALERTS, values="alert", sends={"state": "RESOLVED"}
    ),
}


def _page(pattern: str, get: Rule, post: Rule) -> Rules:
    return {("GET", pattern): get, ("POST", pattern): post}


def _model_pages(name: str, thing: str, sees: Rule, **own: tuple[Rule, Rule]) -> Rules:
    """Spell the pages that the admin makes for every model; those in `own` differ."""
    seen = _of(sees, thing)
    pages = {
        "": (sees, sees),
        "add": (NOBODY, NOBODY),
        "delete": (_of(NOBODY, thing), _of(NOBODY, thing)),
        "change": (seen, _of(NOBODY, thing)),
        "history": (seen, seen),
        **own,
    }
    rules: Rules = {}
    for page, (get, post) in pages.items():
        address = page if page in {"", "add"} else f"<path:object_id>/{page}"
        rules |= _page(f"{name}/{address}/" if address else f"{name}/", get, post)
    # Leads to the page of change, which decides.
    return rules | _page(f"{name}/<path:object_id>/", _of(LOGIN, thing), _of(LOGIN, thing))


def _both(rule: Rule) -> tuple[Rule, Rule]:
    return rule, rule


_ADDS_INTEL: Final = "intel.add_inteldocument"
_DELETES_INTEL: Final = needs(SEES_INTEL, "intel.delete_inteldocument", values="intel")
_ADMINISTERS_USER: Final = _of(ADMINISTRATOR, "user")
_ADMINISTERS_GROUP: Final = _of(ADMINISTRATOR, "group")
_REVOKES_ENDPOINT: Final = needs(SEES_ENDPOINTS, "endpoints.revoke_endpoint", values="endpoint")

PAGES: Final[Rules] = {
    **_page("healthz/", PUBLIC, NOBODY),
    **_page("", LOGIN, LOGIN),
    **_page("search/", LOGIN, LOGIN),
    **_page("login/", PUBLIC, PUBLIC),
    **_page("logout/", NOBODY, LOGIN),
    **_page("password_change/", LOGIN, LOGIN),
    **_page("password_change/done/", LOGIN, NOBODY),
    **_page("jsi18n/", LOGIN, NOBODY),
    **_page("autocomplete/", NOBODY, NOBODY),
    **_page("r/<path:content_type_id>/<path:object_id>/", *_both(_of(NOBODY, "one", "one"))),
    **_page("(?P<url>.*)$", *_both(_of(NOBODY, "nowhere"))),
    **_page("live/", needs(OPENS), NOBODY),
    **_page("live/<uuid:session_id>/", needs(OPENS, values="session"), _of(NOBODY, "session")),
    **_page(
        "live/open/<uuid:endpoint_id>/",
        _of(NOBODY, "endpoint"),
        needs(SEES_ENDPOINTS, OPENS, values="endpoint"),
    ),
    **_page(
        "live/<uuid:session_id>/close/", _of(NOBODY, "session"), needs(OPENS, values="session")
    ),
    **_model_pages("audit/auditevent", "audit_row", needs("audit.view_auditevent")),
    **_model_pages(
        "access/user",
        "user",
        ADMINISTRATOR,
        add=_both(ADMINISTRATOR),
        change=_both(_ADMINISTERS_USER),
    ),
    **_page("access/user/<id>/password/", *_both(_ADMINISTERS_USER)),
    **_model_pages(
        "auth/group",
        "group",
        ADMINISTRATOR,
        add=_both(ADMINISTRATOR),
        change=_both(_ADMINISTERS_GROUP),
    ),
    **_model_pages(
        "certificates/certificate", "certificate", needs("certificates.view_certificate")
    ),
    **_model_pages(
        "certificates/enrolmenttoken",
        "token",
        needs(SEES_TOKENS),
        # Leads to Endpoints > Add endpoint, which asks for the same permission.
        add=_both(needs(ADDS_TOKENS)),
    ),
    **_page(
        "certificates/enrolmenttoken/<int:token_id>/revoke/",
        _of(NOBODY, "token"),
        needs(REVOKES_TOKENS, values="token"),
    ),
    **_model_pages(
        "endpoints/endpoint",
        "endpoint",
        needs(SEES_ENDPOINTS),
        add=_both(needs(ADDS_TOKENS)),
        # It shows, whatever the method.
        change=_both(needs(SEES_ENDPOINTS, values="endpoint")),
    ),
    **_page("endpoints/endpoint/add/installer/", NOBODY, needs(ADDS_TOKENS)),
    **_page(
        "endpoints/endpoint/<uuid:endpoint_id>/status/",
        *_both(needs(SEES_ENDPOINTS, values="endpoint")),
    ),
    **_page("endpoints/endpoint/<uuid:endpoint_id>/revoke/", *_both(_REVOKES_ENDPOINT)),
    **_model_pages(
        "intel/inteldocument",
        "intel",
        needs(SEES_INTEL),
        add=_both(needs(_ADDS_INTEL)),
        delete=_both(_DELETES_INTEL),
        change=(
            needs(SEES_INTEL, values="intel"),
            needs(SEES_INTEL, "intel.change_inteldocument", values="intel"),
        ),
    ),
    **_page(
        "intel/inteldocument/<uuid:document_id>/deploy/",
        _of(NOBODY, "intel"),
        needs(SEES_INTEL, DEPLOYS, values="intel"),
    ),
    **_page(
        "intel/inteldocument/<uuid:document_id>/withdraw/",
        _of(NOBODY, "intel"),
        needs(SEES_INTEL, DEPLOYS, values="intel"),
    ),
    **_model_pages(
        "alerts/alert",
        "alert",
        needs(SEES_ALERTS),
        # It shows, whatever the method.
        change=_both(needs(SEES_ALERTS, values="alert")),
    ),
    **_page("alerts/alert/state/", NOBODY, needs(CHANGES_ALERTS)),
}

# The list of one app's models: whoever may see one of them. The pattern names all apps.
APP_LISTS: Final = {
    "audit": needs("audit.view_auditevent"),
    "access": ADMINISTRATOR,
    "auth": ADMINISTRATOR,
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
