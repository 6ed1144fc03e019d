"""The named permissions of the console itself.

They are what the guides call Micro admin, the permissions on content sets, and a section of our
own for what the guides leave to the platform below them.
"""

from __future__ import annotations

from typing import Final

from console.modules import NamedPermission

MICRO_ADMIN_PERMISSIONS: Final = (
    NamedPermission(
        key="read_user",
        title="Read User",
        section="Micro admin",
        meaning="see who uses this console",
        reference="RB-17",
        implies=("access.view_user",),
    ),
    NamedPermission(
        key="ask_dynamic_questions",
        title="Ask Dynamic Questions",
        section="Micro admin",
        meaning="ask questions of their own, with the sensors of their content sets",
        reference="RB-17",
        implies=("questions.ask_question",),
        on_endpoints=True,
    ),
)


_ON_ENDPOINTS: Final = {"endpoint_read", "endpoint_revoke", "label_write", "question_read"}


def _own(
    key: str, title: str, meaning: str, *implies: str, provides: tuple[str, ...] = ()
) -> NamedPermission:
    return NamedPermission(
        key=f"console_{key}",
        title=title,
        section="Console",
        meaning=meaning,
        implies=implies,
        provides=tuple(f"console_{name}" for name in provides),
        on_endpoints=key in _ON_ENDPOINTS,
    )


CONSOLE_PERMISSIONS: Final = (
    _own(
        "endpoint_read",
        "Endpoint Read",
        "see endpoints, how they are, and their labels",
        "endpoints.view_endpoint",
        "endpoints.view_label",
    ),
    _own(
        "endpoint_revoke",
        "Endpoint Revoke",
        "cut an endpoint off for good",
        "endpoints.revoke_endpoint",
        provides=("endpoint_read",),
    ),
    _own(
        "label_write",
        "Label Write",
        "make labels and put them on endpoints",
        "endpoints.view_label",
        "endpoints.add_label",
        "endpoints.change_label",
        "endpoints.delete_label",
        provides=("endpoint_read",),
    ),
    _own(
        "computer_group_read",
        "Computer Group Read",
        "see computer groups and their rules",
        "endpoints.view_computergroup",
    ),
    _own(
        "computer_group_write",
        "Computer Group Write",
        "make, change and delete computer groups",
        "endpoints.add_computergroup",
        "endpoints.change_computergroup",
        "endpoints.delete_computergroup",
        provides=("computer_group_read",),
    ),
    _own(
        "enrolment_read",
        "Enrolment Read",
        "see enrolment tokens",
        "certificates.view_enrolmenttoken",
    ),
    _own(
        "enrolment_write",
        "Enrolment Write",
        "let computers join, and end enrolment tokens",
        "certificates.add_enrolmenttoken",
        "certificates.revoke_enrolmenttoken",
        provides=("enrolment_read",),
    ),
    _own(
        "question_read",
        "Question Read",
        "see what others asked, and the answers of the endpoints that they reach themselves",
        "questions.view_question",
    ),
    _own(
        "certificates_read",
        "Certificates Read",
        "see the certificates of endpoints and servers",
        "certificates.view_certificate",
    ),
    _own("audit_read", "Audit Read", "read the audit log", "audit.view_auditevent"),
    _own(
        "user_write",
        "User Write",
        "add users and change those who may do no more than they may themselves",
        "access.view_user",
        "access.add_user",
        "access.change_user",
    ),
)


def _on_content(
    key: str, meaning: str, reference: str, *implies: str, provides: tuple[str, ...] = ()
) -> NamedPermission:
    return NamedPermission(
        key=key,
        title=key.replace("_", " ").title(),
        section="Content-set permissions",
        meaning=f"{meaning} of the content set",
        reference=reference,
        implies=implies,
        provides=provides,
        per_content_set=True,
    )


_SENSORS, _QUESTIONS = "questions.view_sensor", "questions.view_savedquestion"

CONTENT_PERMISSIONS: Final = (
    _on_content("read_sensor", "use the sensors", "RB-08, RB-17", _SENSORS),
    _on_content(
        "write_sensor",
        "write and change sensors",
        "RB-17",
        _SENSORS,
        provides=("read_sensor",),
    ),
    _on_content("read_action", "see actions", "RB-09, RB-18", provides=("read_own_action",)),
    _on_content("read_own_action", "see actions of their own", "RB-09"),
    _on_content("write_action", "deploy actions", "RB-09, RB-18", provides=("show_preview",)),
    _on_content("show_preview", "see what an action would be deployed to, with packages", "RB-09"),
    _on_content("read_package", "see packages", "RB-10, RB-19"),
    _on_content(
        "write_package", "write and change packages", "RB-10, RB-19", provides=("read_package",)
    ),
    _on_content("read_plugin", "see plug-ins", "RB-10, RB-18"),
    _on_content("execute_plugin", "run plug-ins", "RB-10, RB-18", provides=("read_plugin",)),
    _on_content("read_saved_question", "use saved questions", "RB-10, RB-19", _QUESTIONS),
    _on_content(
        "write_saved_question",
        "save and change questions",
        "RB-19",
        _QUESTIONS,
        provides=("read_saved_question",),
    ),
    _on_content("read_dashboard", "see dashboards", "RB-20"),
    _on_content(
        "write_dashboard", "write and change dashboards", "RB-20", provides=("read_dashboard",)
    ),
    _on_content("read_dashboard_group", "see groups of dashboards", "RB-20"),
    _on_content(
        "write_dashboard_group",
        "write and change groups of dashboards",
        "RB-20",
        provides=("read_dashboard_group",),
    ),
)
