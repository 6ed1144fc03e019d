"""Who may do what at every page of the console."""

from __future__ import annotations

from typing import Final

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
    NOBODY,
    OPENS,
    PUBLIC,
    READS_SAVED,
    READS_SENSOR,
    REVOKES_TOKENS,
    SEES_ALERTS,
    SEES_ENDPOINTS,
    SEES_GROUPS,
    SEES_INTEL,
    SEES_LABELS,
    SEES_QUESTIONS,
    SEES_SENSORS,
    SEES_TOKENS,
    WRITES_SAVED,
    WRITES_SENSOR,
    Rule,
    Rules,
    naming,
    needs,
    using,
)


def _page(pattern: str, get: Rule, post: Rule) -> Rules:
    return {("GET", pattern): get, ("POST", pattern): post}


def _model_pages(name: str, thing: str, sees: Rule, **own: tuple[Rule, Rule]) -> Rules:
    """Spell the pages that the admin makes for every model; those in `own` differ."""
    seen = naming(sees, thing)
    pages = {
        "": (sees, sees),
        "add": (NOBODY, NOBODY),
        "delete": (naming(NOBODY, thing), naming(NOBODY, thing)),
        "change": (seen, naming(NOBODY, thing)),
        "history": (seen, seen),
        **own,
    }
    rules: Rules = {}
    for page, (get, post) in pages.items():
        address = page if page in {"", "add"} else f"<path:object_id>/{page}"
        rules |= _page(f"{name}/{address}/" if address else f"{name}/", get, post)
    # Leads to the page of change, which decides.
    return rules | _page(f"{name}/<path:object_id>/", naming(LOGIN, thing), naming(LOGIN, thing))


def _both(rule: Rule) -> tuple[Rule, Rule]:
    return rule, rule


_ADDS_INTEL: Final = "intel.add_inteldocument"
_DELETES_INTEL: Final = needs(SEES_INTEL, "intel.delete_inteldocument", values="intel")
_ADMINISTERS_USER: Final = naming(ADMINISTRATOR, "user")
_ADMINISTERS_ROLE: Final = naming(ADMINISTRATOR, "role")
_REVOKES_ENDPOINT: Final = needs(SEES_ENDPOINTS, "endpoints.revoke_endpoint", values="endpoint")
_SEES_QUESTION: Final = needs(SEES_QUESTIONS, values="question")
_WRITES_SENSOR: Final = using(f"{READS_SENSOR} {WRITES_SENSOR}", SEES_SENSORS, values="sensor")
_READS_SAVED: Final = using(READS_SAVED, values="saved_question")
_WRITES_SAVED: Final = using(f"{READS_SAVED} {WRITES_SAVED}", values="saved_question")

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
    **_page("r/<path:content_type_id>/<path:object_id>/", *_both(naming(NOBODY, "one", "one"))),
    **_page("(?P<url>.*)$", *_both(naming(NOBODY, "nowhere"))),
    **_page("live/", needs(OPENS), NOBODY),
    **_page("live/<uuid:session_id>/", needs(OPENS, values="session"), naming(NOBODY, "session")),
    **_page(
        "live/open/<uuid:endpoint_id>/",
        naming(NOBODY, "endpoint"),
        needs(SEES_ENDPOINTS, OPENS, values="endpoint"),
    ),
    **_page(
        "live/<uuid:session_id>/close/", naming(NOBODY, "session"), needs(OPENS, values="session")
    ),
    **_model_pages("audit/auditevent", "audit_row", AUDIT),
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
        naming(NOBODY, "token"),
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
    **_page("roles/<int:role_id>/reach/", naming(NOBODY, "role"), naming(ADMINISTRATOR, "role")),
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
        naming(NOBODY, "intel"),
        DEPLOYS_INTEL,
    ),
    **_page(
        "intel/inteldocument/<uuid:document_id>/withdraw/",
        naming(NOBODY, "intel"),
        DEPLOYS_INTEL,
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
        naming(NOBODY, "endpoint"),
        needs(SEES_ENDPOINTS, ASKS, values="endpoint"),
    ),
    **_page("questions/sensors/", needs(ASKS), NOBODY),
    **_page("questions/complete/", NOBODY, needs(ASKS)),
    **_page("questions/check/", NOBODY, needs(ASKS)),
    **_page("questions/build/", NOBODY, needs(ASKS)),
    # Saved questions are granted with their content set.
    **_page("saved-questions/", LOGIN, NOBODY),
    **_page("saved-questions/add/", LOGIN, LOGIN),
    **_page("saved-questions/<int:saved_id>/", _READS_SAVED, naming(NOBODY, "saved_question")),
    **_page("saved-questions/<int:saved_id>/change/", *_both(_WRITES_SAVED)),
    **_page(
        "saved-questions/<int:saved_id>/delete/", naming(NOBODY, "saved_question"), _WRITES_SAVED
    ),
    **_page(
        "saved-questions/<int:saved_id>/ask/",
        naming(NOBODY, "saved_question"),
        using(READS_SAVED, ASKS, values="saved_question"),
    ),
    **_page("questions/<uuid:question_id>/", _SEES_QUESTION, naming(NOBODY, "question")),
    # Whoever asked it, and administrators.
    **_page(
        "questions/<uuid:question_id>/cancel/",
        naming(NOBODY, "question"),
        naming(ADMINISTRATOR, "question"),
    ),
    **_page(
        "questions/<uuid:question_id>/again/",
        naming(NOBODY, "question"),
        needs(SEES_QUESTIONS, ASKS, values="question"),
    ),
    **_page("questions/<uuid:question_id>/progress/", _SEES_QUESTION, naming(NOBODY, "question")),
    **_page("questions/<uuid:question_id>/window/", naming(NOBODY, "question"), _SEES_QUESTION),
    **_page("questions/<uuid:question_id>/chart/", naming(NOBODY, "question"), _SEES_QUESTION),
    **_page("questions/<uuid:question_id>/givers/", naming(NOBODY, "question"), _SEES_QUESTION),
    **_page(
        "questions/<uuid:question_id>/endpoint-rows/", _SEES_QUESTION, naming(NOBODY, "question")
    ),
    **_page("questions/<uuid:question_id>/unanswered/", _SEES_QUESTION, naming(NOBODY, "question")),
    **_page("questions/<uuid:question_id>/further/", naming(NOBODY, "question"), _SEES_QUESTION),
    **_page(
        "questions/<uuid:question_id>/changes/<uuid:earlier_id>/",
        needs(SEES_QUESTIONS, values="question question"),
        naming(NOBODY, "question", "question"),
    ),
    **_page(
        "questions/<uuid:question_id>/changes/<uuid:earlier_id>/endpoints/",
        needs(SEES_QUESTIONS, values="question question"),
        naming(NOBODY, "question", "question"),
    ),
    # Sensors, too, are granted with their content set.
    **_page("sensors/", needs(SEES_SENSORS), NOBODY),
    **_page("sensors/add/", *_both(needs(SEES_SENSORS))),
    **_page(
        "sensors/<int:sensor_id>/",
        using(READS_SENSOR, SEES_SENSORS, values="sensor"),
        naming(NOBODY, "sensor"),
    ),
    **_page("sensors/<int:sensor_id>/change/", *_both(_WRITES_SENSOR)),
    **_page(
        "sensors/<int:sensor_id>/place/",
        naming(NOBODY, "sensor"),
        Rule(access="administrator", values=("sensor",), sends={"content_set": "$content_set"}),
    ),
    **_page("sensors/<int:sensor_id>/retire/", naming(NOBODY, "sensor"), _WRITES_SENSOR),
    **_page(
        "sensors/<int:sensor_id>/versions/<int:number>/",
        using(READS_SENSOR, SEES_SENSORS, values="sensor one"),
        naming(NOBODY, "sensor", "one"),
    ),
    **_page("sensors/trial/", NOBODY, needs(ASKS)),
    **_page("sensors/trial/endpoints/", needs(ASKS), NOBODY),
    # A test run is its author's; the question of the scene is none.
    **_page("sensors/trial/<uuid:question_id>/", *_both(naming(NOBODY, "question"))),
    **_page("sensors/trial/<uuid:question_id>/stop/", *_both(naming(NOBODY, "question"))),
    **_page("content-sets/", ADMINISTRATOR, NOBODY),
    **_page("content-sets/add/", ADMINISTRATOR, ADMINISTRATOR),
    **_page("content-sets/<int:content_set_id>/", *_both(naming(ADMINISTRATOR, "content_set"))),
    **_page(
        "content-sets/<int:content_set_id>/delete/",
        naming(NOBODY, "content_set"),
        naming(ADMINISTRATOR, "content_set"),
    ),
}
