"""What one address needs, and the words in which the tables of addresses say it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final


@dataclass(frozen=True, slots=True)
class Rule:
    """What one method at one address needs.

    `permissions` are all needed, and nothing else is. `sends` is a body with which somebody who is
    let in gets a better answer than a refusal; `values` fill the address' parameters, by the name
    of a thing in the scene. `everywhere`: it acts on every endpoint, so that who reaches only some
    is refused. `is_global`: what it shows is not bound to endpoints by a permission of its own.
    `content` are the permissions that are needed on the content set of what the address names, and
    of `either` one is needed, too.
    """

    permissions: tuple[str, ...] = ()
    content: tuple[str, ...] = ()
    access: str = "permission"
    values: tuple[str, ...] = ()
    sends: dict[str, Any] | None = None
    everywhere: bool = False
    is_global: bool = False
    either: tuple[str, ...] = ()


Rules = dict[tuple[str, str], Rule]

PUBLIC: Final = Rule(access="public")
LOGIN: Final = Rule(access="login")
ADMINISTRATOR: Final = Rule(access="administrator")
NOBODY: Final = Rule(access="nobody")


def needs(*permissions: str, values: str = "", sends: dict[str, Any] | None = None) -> Rule:
    """Spell the rule of something that needs exactly these permissions."""
    return Rule(permissions, values=tuple(values.split()), sends=sends)


def using(content: str, *permissions: str, values: str) -> Rule:
    """Spell the rule of something in a content set, on which these permissions are needed, too."""
    return Rule(permissions, content=tuple(content.split()), values=tuple(values.split()))


def naming(rule: Rule, *values: str) -> Rule:
    """Return the rule of an address that names these things of the scene."""
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
READS_SENSOR, WRITES_SENSOR = "read_sensor", "write_sensor"
READS_SAVED, WRITES_SAVED = "read_saved_question", "write_saved_question"
MADE_EXPORT: Final = naming(ADMINISTRATOR, "question", "export")

# A publication goes to every endpoint that there is.
DEPLOYS_INTEL: Final = replace(
    needs(SEES_INTEL, DEPLOYS, values="intel", sends={}), everywhere=True
)
# The audit log tells of everything to those who may read it.
AUDIT: Final = replace(needs("audit.view_auditevent"), is_global=True)
