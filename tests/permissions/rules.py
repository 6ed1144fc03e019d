"""Who may do what at every address of the console: the table that a reviewer reads.

A route that is registered and not in here fails the tests, and so does a rule without a route.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Final


@dataclass(frozen=True, slots=True)
class Rule:
    """What one method at one address needs.

    `permissions` are all needed, and nothing else is. `sends` is a body with which somebody who is
    let in gets a better answer than a refusal; `values` fill the address' parameters, by the name
    of a thing in the scene. `everywhere`: it acts on every endpoint, so that who reaches only some
    is refused. `is_global`: what it shows is not bound to endpoints by a permission of its own.
    """

    permissions: tuple[str, ...] = ()
    access: str = "permission"
    values: tuple[str, ...] = ()
    sends: dict[str, Any] | None = None
    everywhere: bool = False
    is_global: bool = False


Rules = dict[tuple[str, str], Rule]

PUBLIC: Final = Rule(access="public")
LOGIN: Final = Rule(access="login")
ADMINISTRATOR: Final = Rule(access="administrator")
NOBODY: Final = Rule(access="nobody")


def needs(*permissions: str, values: str = "", sends: dict[str, Any] | None = None) -> Rule:
    """Spell the rule of something that needs exactly these permissions."""
    return Rule(permissions, values=tuple(values.split()), sends=sends)


def _of(rule: Rule, *values: str) -> Rule:
    return replace(rule, values=values)


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
SEES_GROUPS: Final = "endpoints.view_computergroup"
ADDS_GROUPS: Final = "endpoints.add_computergroup"
CHANGES_GROUPS: Final = "endpoints.change_computergroup"
DELETES_GROUPS: Final = "endpoints.delete_computergroup"
SEES_LABELS, CHANGES_LABELS = "endpoints.view_label", "endpoints.change_label"
ADDS_LABELS, DELETES_LABELS = "endpoints.add_label", "endpoints.delete_label"
RULE: Final = {"rule": 'Is Linux is "True"'}
SEES_ALERTS, CHANGES_ALERTS = "alerts.view_alert", "alerts.change_alert"
ASKS, SEES_QUESTIONS = "questions.ask_question", "questions.view_question"
SEES_SAVED, SEES_SENSORS = "questions.view_savedquestion", "questions.view_sensor"
QUESTION: Final = {"text": "Get Computer Name from all machines"}
_MADE_EXPORT: Final = _of(ADMINISTRATOR, "question", "export")

# A publication goes to every endpoint that there is.
_DEPLOYS_INTEL: Final = replace(
    needs(SEES_INTEL, DEPLOYS, values="intel", sends={}), everywhere=True
)
# The audit log tells of everything to those who may read it.
_AUDIT: Final = replace(needs("audit.view_auditevent"), is_global=True)

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
    ("GET", "users/<int:pk>/effective-access/"): _of(ADMINISTRATOR, "user"),
    ("GET", "permissions/"): LOGIN,
    ("GET", "roles/"): ADMINISTRATOR,
    ("POST", "roles/"): Rule(access="administrator", sends={"name": "Another role"}),
    ("GET", "roles/<int:pk>/"): _of(ADMINISTRATOR, "role"),
    ("PATCH", "roles/<int:pk>/"): Rule(access="administrator", values=("role",), sends={}),
    ("DELETE", "roles/<int:pk>/"): _of(ADMINISTRATOR, "role"),
    ("POST", "roles/<int:pk>/copy/"): Rule(
        access="administrator", values=("role",), sends={"name": "Another role"}
    ),
    ("GET", "content-sets/"): LOGIN,
    ("POST", "content-sets/"): Rule(access="administrator", sends={"name": "Another set"}),
    # Who may use nothing of a content set does not see it.
    ("GET", "content-sets/<int:pk>/"): _of(ADMINISTRATOR, "content_set"),
    ("PATCH", "content-sets/<int:pk>/"): Rule(
        access="administrator", values=("content_set",), sends={}
    ),
    ("DELETE", "content-sets/<int:pk>/"): _of(ADMINISTRATOR, "content_set"),
    ("GET", "audit-events/"): _AUDIT,
    ("GET", "audit-events/<int:sequence>/"): _of(_AUDIT, "audit"),
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
    ("POST", "intel/<uuid:pk>/deploy/"): _DEPLOYS_INTEL,
    ("POST", "intel/<uuid:pk>/withdraw/"): _DEPLOYS_INTEL,
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
    ("POST", "questions/<uuid:pk>/cancel/"): _of(ADMINISTRATOR, "question"),
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
    ("GET", "questions/<uuid:pk>/exports/<uuid:export_id>/"): _MADE_EXPORT,
    ("GET", "questions/<uuid:pk>/exports/<uuid:export_id>/file/"): _MADE_EXPORT,
    ("POST", "questions/<uuid:pk>/exports/<uuid:export_id>/cancel/"): _MADE_EXPORT,
    # Who may use nothing of a content set sees none of what lies in it.
    ("GET", "saved-questions/"): needs(SEES_SAVED),
    ("POST", "saved-questions/"): needs(SEES_SAVED, sends={}),
    ("GET", "saved-questions/<int:pk>/"): _of(ADMINISTRATOR, "saved_question"),
    ("PATCH", "saved-questions/<int:pk>/"): _of(ADMINISTRATOR, "saved_question"),
    ("DELETE", "saved-questions/<int:pk>/"): _of(ADMINISTRATOR, "saved_question"),
    ("POST", "saved-questions/<int:pk>/ask/"): _of(ADMINISTRATOR, "saved_question"),
    ("GET", "saved-questions/<int:pk>/history/"): _of(ADMINISTRATOR, "saved_question"),
    ("GET", "sensors/"): needs(SEES_SENSORS),
    ("POST", "sensors/"): needs(SEES_SENSORS, sends={}),
    ("POST", "sensors/test/"): needs(ASKS, sends={}),
    ("GET", "sensors/<int:pk>/"): _of(ADMINISTRATOR, "sensor"),
    ("GET", "sensors/<int:pk>/versions/"): _of(ADMINISTRATOR, "sensor"),
    ("POST", "sensors/<int:pk>/versions/"): _of(ADMINISTRATOR, "sensor"),
    ("POST", "sensors/<int:pk>/retire/"): _of(ADMINISTRATOR, "sensor"),
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
_ADMINISTERS_ROLE: Final = _of(ADMINISTRATOR, "role")
_REVOKES_ENDPOINT: Final = needs(SEES_ENDPOINTS, "endpoints.revoke_endpoint", values="endpoint")
_SEES_QUESTION: Final = needs(SEES_QUESTIONS, values="question")
_USES_SENSOR: Final = _of(ADMINISTRATOR, "sensor")
_USES_SAVED: Final = _of(ADMINISTRATOR, "saved_question")

PAGES: Final[Rules] = {
    **_page("healthz/", PUBLIC, NOBODY),
    **_page("", LOGIN, LOGIN),
    **_page("search/", LOGIN, NOBODY),
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
    **_model_pages("audit/auditevent", "audit_row", _AUDIT),
    **_model_pages(
        "access/user",
        "user",
        ADMINISTRATOR,
        add=_both(ADMINISTRATOR),
        change=_both(_ADMINISTERS_USER),
    ),
    **_page("access/user/<id>/password/", *_both(_ADMINISTERS_USER)),
    **_page("access/user/own-access/", LOGIN, LOGIN),
    **_page("access/user/<int:user_id>/access/", *_both(_ADMINISTERS_USER)),
    **_model_pages(
        "access/role",
        "role",
        ADMINISTRATOR,
        add=_both(ADMINISTRATOR),
        change=_both(_ADMINISTERS_ROLE),
        delete=_both(_ADMINISTERS_ROLE),
    ),
    **_page("access/role/matrix/", *_both(ADMINISTRATOR)),
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
    **_model_pages(
        "endpoints/computergroup",
        "computer_group",
        needs(SEES_GROUPS),
        add=_both(needs(ADDS_GROUPS)),
        delete=_both(needs(SEES_GROUPS, DELETES_GROUPS, values="computer_group")),
        change=(
            needs(SEES_GROUPS, values="computer_group"),
            needs(SEES_GROUPS, CHANGES_GROUPS, values="computer_group"),
        ),
    ),
    **_page(
        "endpoints/computergroup/<int:group_id>/explain/",
        *_both(needs(SEES_GROUPS, values="computer_group")),
    ),
    **_model_pages(
        "endpoints/label",
        "label",
        needs(SEES_LABELS),
        add=_both(needs(ADDS_LABELS)),
        delete=_both(needs(SEES_LABELS, DELETES_LABELS, values="label")),
        change=(
            needs(SEES_LABELS, values="label"),
            needs(SEES_LABELS, CHANGES_LABELS, values="label"),
        ),
    ),
    **_page("endpoints/labelling/", NOBODY, needs(CHANGES_LABELS)),
    **_page("roles/<int:role_id>/reach/", _of(NOBODY, "role"), _of(ADMINISTRATOR, "role")),
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
        _DEPLOYS_INTEL,
    ),
    **_page(
        "intel/inteldocument/<uuid:document_id>/withdraw/",
        _of(NOBODY, "intel"),
        _DEPLOYS_INTEL,
    ),
    **_model_pages(
        "alerts/alert",
        "alert",
        needs(SEES_ALERTS),
        # It shows, whatever the method.
        change=_both(needs(SEES_ALERTS, values="alert")),
    ),
    **_page("alerts/alert/state/", NOBODY, needs(CHANGES_ALERTS)),
    **_page("questions/", LOGIN, NOBODY),
    **_page("questions/ask/", NOBODY, needs(ASKS)),
    **_page(
        "questions/about/<uuid:endpoint_id>/",
        _of(NOBODY, "endpoint"),
        needs(SEES_ENDPOINTS, ASKS, values="endpoint"),
    ),
    **_page("questions/sensors/", needs(ASKS), NOBODY),
    **_page("questions/complete/", NOBODY, needs(ASKS)),
    **_page("questions/check/", NOBODY, needs(ASKS)),
    **_page("questions/build/", NOBODY, needs(ASKS)),
    # Saved questions are granted with their content set.
    **_page("saved-questions/", LOGIN, NOBODY),
    **_page("saved-questions/add/", LOGIN, LOGIN),
    **_page("saved-questions/<int:saved_id>/", _USES_SAVED, _of(NOBODY, "saved_question")),
    **_page("saved-questions/<int:saved_id>/change/", *_both(_USES_SAVED)),
    **_page("saved-questions/<int:saved_id>/delete/", _of(NOBODY, "saved_question"), _USES_SAVED),
    **_page("saved-questions/<int:saved_id>/ask/", _of(NOBODY, "saved_question"), _USES_SAVED),
    **_page("questions/<uuid:question_id>/", _SEES_QUESTION, _of(NOBODY, "question")),
    # Whoever asked it, and administrators.
    **_page(
        "questions/<uuid:question_id>/cancel/",
        _of(NOBODY, "question"),
        _of(ADMINISTRATOR, "question"),
    ),
    **_page(
        "questions/<uuid:question_id>/again/",
        _of(NOBODY, "question"),
        needs(SEES_QUESTIONS, ASKS, values="question"),
    ),
    **_page("questions/<uuid:question_id>/progress/", _SEES_QUESTION, _of(NOBODY, "question")),
    **_page("questions/<uuid:question_id>/window/", _of(NOBODY, "question"), _SEES_QUESTION),
    **_page("questions/<uuid:question_id>/chart/", _of(NOBODY, "question"), _SEES_QUESTION),
    **_page("questions/<uuid:question_id>/givers/", _of(NOBODY, "question"), _SEES_QUESTION),
    **_page("questions/<uuid:question_id>/endpoint-rows/", _SEES_QUESTION, _of(NOBODY, "question")),
    **_page("questions/<uuid:question_id>/unanswered/", _SEES_QUESTION, _of(NOBODY, "question")),
    **_page("questions/<uuid:question_id>/further/", _of(NOBODY, "question"), _SEES_QUESTION),
    **_page(
        "questions/<uuid:question_id>/changes/<uuid:earlier_id>/",
        needs(SEES_QUESTIONS, values="question question"),
        _of(NOBODY, "question", "question"),
    ),
    **_page(
        "questions/<uuid:question_id>/changes/<uuid:earlier_id>/endpoints/",
        needs(SEES_QUESTIONS, values="question question"),
        _of(NOBODY, "question", "question"),
    ),
    # Sensors, too, are granted with their content set.
    **_page("sensors/", needs(SEES_SENSORS), NOBODY),
    **_page("sensors/add/", *_both(needs(SEES_SENSORS))),
    **_page("sensors/<int:sensor_id>/", _USES_SENSOR, _of(NOBODY, "sensor")),
    **_page("sensors/<int:sensor_id>/change/", *_both(_USES_SENSOR)),
    **_page("sensors/<int:sensor_id>/retire/", _of(NOBODY, "sensor"), _USES_SENSOR),
    **_page(
        "sensors/<int:sensor_id>/versions/<int:number>/",
        _of(ADMINISTRATOR, "sensor", "one"),
        _of(NOBODY, "sensor", "one"),
    ),
    **_page("sensors/trial/", NOBODY, needs(ASKS)),
    **_page("sensors/trial/endpoints/", needs(ASKS), NOBODY),
    # A test run is its author's; the question of the scene is none.
    **_page("sensors/trial/<uuid:question_id>/", *_both(_of(NOBODY, "question"))),
    **_page("sensors/trial/<uuid:question_id>/stop/", *_both(_of(NOBODY, "question"))),
    **_page("content-sets/", ADMINISTRATOR, NOBODY),
    **_page("content-sets/add/", ADMINISTRATOR, ADMINISTRATOR),
    **_page("content-sets/<int:content_set_id>/", *_both(_of(ADMINISTRATOR, "content_set"))),
    **_page(
        "content-sets/<int:content_set_id>/delete/",
        _of(NOBODY, "content_set"),
        _of(ADMINISTRATOR, "content_set"),
    ),
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
    "ws/live/questions/": needs(SEES_QUESTIONS),
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
