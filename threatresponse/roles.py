"""The roles and content sets of Threat Response.

The marks of permissions stand in `threatresponse.permissions`, those on content sets here; the
columns are Administrator, User, Read Only User, Service Account.
"""

from __future__ import annotations

from typing import Final

from console.access.columns import ContentRow, RoleHead, marks_of, roles_of
from console.modules import SeededContentSet, SeededRole
from threatresponse.permissions import DETECT, INCIDENT_RESPONSE, INDEX, ROWS

_DETECT_SERVICE, _SERVICE = "Detect Service", "Threat Response Service"
_RESPONSE: Final = "Threat Response"
_ANALYSIS, _DEPLOYMENT = "Trace Analysis", "Trace Deployment"

_MICRO_ADMIN: Final = (("read_user", "YNNN"), ("ask_dynamic_questions", "YYNY"))

# RB-17 to RB-20. What a permission of the section Content grants is not repeated as given: `p`.
_CONTENT: Final[tuple[ContentRow, ...]] = (
    ("read_sensor", "Base", "YYNY"),
    ("read_sensor", "Reserved", "YYYY"),
    ("read_sensor", DETECT, "ppYY"),
    ("read_sensor", _DETECT_SERVICE, "YNNY"),
    ("read_sensor", _RESPONSE, "YYYY"),
    ("read_sensor", _ANALYSIS, "YYYN"),
    ("read_sensor", _DEPLOYMENT, "pNNY"),
    ("read_sensor", INCIDENT_RESPONSE, "pppN"),
    ("read_sensor", INDEX, "ppYN"),
    ("write_sensor", _DEPLOYMENT, "YNNN"),
    ("write_sensor", INCIDENT_RESPONSE, "pNNN"),
    ("read_action", DETECT, "ppYY"),
    ("read_action", _DETECT_SERVICE, "YNNY"),
    ("read_action", _RESPONSE, "YYYY"),
    ("read_action", INCIDENT_RESPONSE, "pppN"),
    ("read_action", INDEX, "ppYN"),
    ("write_action", _DETECT_SERVICE, "YNNY"),
    ("write_action", DETECT, "ppNY"),
    ("write_action", _RESPONSE, "YYNY"),
    ("write_action", _ANALYSIS, "YYNN"),
    ("write_action", _DEPLOYMENT, "YNNY"),
    ("write_action", INCIDENT_RESPONSE, "ppNN"),
    ("write_action", INDEX, "pNNN"),
    ("read_plugin", _DETECT_SERVICE, "pNNp"),
    ("read_plugin", _SERVICE, "pNNp"),
    ("execute_plugin", DETECT, "ppNY"),
    ("execute_plugin", _DETECT_SERVICE, "YNNY"),
    ("execute_plugin", _RESPONSE, "YYNY"),
    ("execute_plugin", _SERVICE, "YNNY"),
    ("execute_plugin", _ANALYSIS, "YYNN"),
    ("read_package", DETECT, "ppYY"),
    ("read_package", INCIDENT_RESPONSE, "ppYN"),
    ("read_package", INDEX, "ppYN"),
    ("write_package", _DETECT_SERVICE, "YNNY"),
    ("write_package", _RESPONSE, "YNNY"),
    ("write_package", _ANALYSIS, "YNNN"),
    ("write_package", _DEPLOYMENT, "YNNY"),
    ("write_package", INCIDENT_RESPONSE, "pNNN"),
    ("write_package", INDEX, "pNNN"),
    ("read_saved_question", DETECT, "ppYN"),
    ("read_saved_question", _DETECT_SERVICE, "YNNY"),
    ("read_saved_question", _RESPONSE, "YYYY"),
    ("read_saved_question", INCIDENT_RESPONSE, "pppN"),
    ("write_saved_question", INCIDENT_RESPONSE, "pNNN"),
    ("read_dashboard", INCIDENT_RESPONSE, "pppN"),
    ("write_dashboard", INCIDENT_RESPONSE, "pNNN"),
    ("read_dashboard_group", INCIDENT_RESPONSE, "pppN"),
    ("write_dashboard_group", INCIDENT_RESPONSE, "pNNN"),
)

CONTENT_SETS: Final = (
    SeededContentSet(DETECT, "What finding threats asks and deploys."),
    SeededContentSet(_DETECT_SERVICE, "What the service behind Detect needs."),
    SeededContentSet(_RESPONSE, "What responding to threats asks and deploys."),
    SeededContentSet(_SERVICE, "What the service behind Threat Response needs."),
    SeededContentSet(_ANALYSIS, "What looking into an endpoint's recorded events needs."),
    SeededContentSet(_DEPLOYMENT, "What deploys and configures recording."),
    SeededContentSet(INCIDENT_RESPONSE, "What incident responders ask and deploy."),
    SeededContentSet(INDEX, "What asks the index of files."),
)

_REFERENCE: Final = "RB-11 to RB-20"
_PEOPLE: Final = roles_of(
    (
        RoleHead(
            "threat_response_administrator",
            "Threat Response Administrator",
            "Everything of Threat Response: intel, alerts, live endpoints, profiles, settings.",
            _REFERENCE,
        ),
        RoleHead(
            "threat_response_user",
            "Threat Response User",
            "The analyst: works on alerts and intel, asks questions, looks into live endpoints.",
            _REFERENCE,
        ),
        RoleHead(
            "threat_response_read_only_user",
            "Threat Response Read Only User",
            "Sees alerts, intel and evidence; changes nothing and asks endpoints nothing.",
            _REFERENCE,
        ),
        RoleHead(
            "threat_response_service_account",
            "Threat Response Service Account",
            "The account that deploys and gathers for Threat Response; not for people.",
            _REFERENCE,
        ),
    ),
    (*marks_of(ROWS), *_MICRO_ADMIN),
    _CONTENT,
)


def _content_role(name: str, description: str) -> SeededRole:
    """Make a role of the one permission of the same name, to be added to other roles."""
    key = f"threat_response_content_{name.lower().replace(' ', '_')}"
    return SeededRole(
        key=key,
        name=name,
        description=description,
        reference="RB-13",
        permissions=frozenset({key}),
    )


ROLES: Final = (
    *_PEOPLE,
    _content_role("Incident Response Administrator", "Writes the content of Incident Response."),
    _content_role("Incident Response User", "Uses the content of Incident Response."),
    _content_role("Incident Response Readonly User", "Looks at the content of Incident Response."),
    _content_role("Index Administrator", "Writes the content of Index."),
    _content_role("Index User", "Uses the content of Index."),
    _content_role("Detect User", "Uses the content of Detect."),
)
