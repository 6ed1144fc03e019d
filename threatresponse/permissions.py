"""What Threat Response may be used for: one line for each permission of the guide.

The marks are of the roles in `threatresponse.roles`: Administrator, User, Read Only User, Service
Account. The guide's ticks are lost and only its notes "provided" are left, as many as a line has
`p`; what else is given is the least that fits the notes. docs/permissions.md tells the reasons.
"""

from __future__ import annotations

from typing import Final

from console.access.columns import Row, permissions_of
from console.modules import NamedPermission

INCIDENT_RESPONSE, INDEX, DETECT = "Incident Response", "Index", "Detect"

_SEES_INTEL: Final = "intel.view_inteldocument"
_SEES_ALERTS: Final = "alerts.view_alert"
_SEES_ENDPOINTS: Final = "endpoints.view_endpoint"
_SEES_SESSIONS: Final = "directconnect.view_session"
_CHANGES_ALERTS: Final = "alerts.change_alert"
_OPENS: Final = "directconnect.open_session"
# What acts on an endpoint, or shows what came from one: only where a role reaches.
_ON_ENDPOINTS: Final = {
    "Alert Read",
    "Alert Write",
    "Quickscan Read",
    "Quickscan Write",
    "Alert Deploy Action",
    "Profiles Deploy",
    "Response Actions Read",
    "Response Actions Write",
    "Service User Read",
    "Endpoint Configuration Read",
    "Exports Read",
    "Exports Write",
    "File Downloads Read",
    "File Downloads Write",
    "Live Connections Read",
    "Live Connections Write",
    "Live Connections File Delete",
    "Live Connections Filesystem Browse",
    "Saved Events Read",
    "Saved Events Write",
    "Snapshots Read",
    "Snapshots Write",
}


class Section:
    """Spells the lines of one section, which share a prefix of keys and titles."""

    def __init__(self, name: str, reference: str, *, prefix: str | None = None) -> None:
        self.name = name
        self.reference = reference
        self.prefix = name if prefix is None else prefix

    def __call__(
        self,
        title: str,
        marks: str,
        meaning: str,
        *implies: str,
        provides: str = "",
        content: tuple[tuple[str, str], ...] = (),
    ) -> Row:
        """Spell one line; `provides` are titles within all sections, separated by commas."""
        full_title = f"{self.prefix} {title}".strip()
        permission = NamedPermission(
            key=_key(full_title),
            title=full_title,
            section=self.name,
            meaning=meaning,
            reference=self.reference,
            implies=implies,
            provides=tuple(_key(name) for name in provides.split(", ") if name),
            content=content,
            on_endpoints=title in _ON_ENDPOINTS,
        )
        return permission, marks


def _key(title: str) -> str:
    return title.lower().replace(" ", "_")


def _on(content_set: str, *keys: str) -> tuple[tuple[str, str], ...]:
    return tuple((content_set, key) for key in keys)


_detect = Section("Detect", "RB-11")
_response = Section("Threat Response", "RB-12")
_content = Section("Content", "RB-13", prefix="Threat Response Content")
_more = Section("Threat Response", "RB-13")
_live = Section("Live Response", "RB-14", prefix="Threat Response Live Response")
_trace = Section("Trace", "RB-15")
_live_trace = Section("Trace", "RB-16")

_API: Final = "Detect Use API"
_SHOW: Final = "Show Threat Response, Threat Response Use API"
_SHOWS: Final = f"{_API}, {_SHOW}"
_TRACE: Final = "Trace Use API, Show Trace, Trace API Doc Read"

_DETECT_ROWS: Final[tuple[Row, ...]] = (
    _detect("Administrator User", "YNNN", "administer Detect", provides=f"{_API}, Show Detect"),
    _detect("Alert Read", "ppYN", "see alerts", _SEES_ALERTS, provides=_SHOWS),
    _detect(
        "Alert Write",
        "YYNN",
        "change the state of alerts",
        _CHANGES_ALERTS,
        provides="Detect Alert Read",
    ),
    _detect("Intel Read", "ppYN", "see intel", _SEES_INTEL, provides=_SHOWS),
    _detect(
        "Intel Write",
        "YYNN",
        "add, change and delete intel",
        "intel.add_inteldocument",
        "intel.change_inteldocument",
        "intel.delete_inteldocument",
        provides="Detect Intel Read",
    ),
    _detect("Label Read", "ppYN", "see labels of intel", provides=_SHOWS),
    _detect("Label Write", "YYNN", "change labels of intel", provides="Detect Label Read"),
    _detect("Notification Read", "ppYN", "see notifications", provides=_SHOWS),
    _detect(
        "Notification Write", "YYNN", "change notifications", provides="Detect Notification Read"
    ),
    _detect("Quickscan Read", "ppYN", "see the results of quick scans", provides=_SHOWS),
    _detect("Quickscan Write", "YYNN", "run quick scans", provides="Detect Quickscan Read"),
    _detect("Source Read", "ppYN", "see sources of intel", provides=_SHOWS),
    _detect("Source Write", "YYNN", "change sources of intel", provides="Detect Source Read"),
    _detect("Workbench User", "NYYN", "work in the pages of Detect"),
    _detect("Use API", "pppp", "use Detect over the API"),
    Section("Detect", "RB-11", prefix="")("Show Detect", "pNNN", "open the pages of Detect"),
)

_RESPONSE_ROWS: Final[tuple[Row, ...]] = (
    Section("Threat Response", "RB-12", prefix="")(
        "Show Threat Response", "pppN", "open the pages of Threat Response"
    ),
    _response("API Doc Read", "YYYN", "read how Threat Response is used over the API"),
    _response("Configs Read", "YYYN", "see configurations", provides=_SHOW),
    _response("Configs Write", "YNNN", "make and change configurations"),
    _response("Alert Deploy Action", "YYNN", "deploy actions from alerts"),
    _response("Filters Read", "YYYN", "see filters", provides=_SHOW),
    _response("Filters Write", "YNNN", "make and change filters"),
    _response("Profiles Deploy", "YNNN", "deploy profiles to endpoints"),
    _response("Profiles Read", "YYYN", "see profiles", provides=_SHOW),
    _response("Profiles Write", "YNNN", "make and change profiles"),
    _response("Response Actions Read", "ppYN", "see response actions", provides=_SHOW),
    _response(
        "Response Actions Write",
        "YYNN",
        "start and stop response actions",
        provides="Threat Response Response Actions Read",
    ),
    _response("Service User", "NNNY", "do the administration of the service account"),
    _response(
        "Service User Read",
        "NNNp",
        "read configurations, intel and alerts as the service account does",
        _SEES_INTEL,
        _SEES_ALERTS,
        provides=_API,
    ),
    _response(
        "Service User Write",
        "NNNY",
        "deploy configurations and intel, and gather alerts, as the service account does",
        "intel.deploy_inteldocument",
        provides="Threat Response Service User Read",
    ),
)

_CONTENT_ROWS: Final[tuple[Row, ...]] = (
    _content(
        "Incident Response Administrator",
        "YNNN",
        "write the content of Incident Response",
        provides="Threat Response Content Incident Response User",
        content=_on(
            INCIDENT_RESPONSE,
            "write_sensor",
            "write_package",
            "write_saved_question",
            "write_dashboard",
            "write_dashboard_group",
        ),
    ),
    _content(
        "Incident Response User",
        "pYNN",
        "use the content of Incident Response, and deploy its actions",
        provides="Threat Response Content Incident Response Readonly User",
        content=_on(INCIDENT_RESPONSE, "write_action", "read_package"),
    ),
    _content(
        "Incident Response Readonly User",
        "ppYN",
        "look at the content of Incident Response",
        content=_on(
            INCIDENT_RESPONSE,
            "read_sensor",
            "read_action",
            "read_saved_question",
            "read_dashboard",
            "read_dashboard_group",
        ),
    ),
    _content(
        "Index Administrator",
        "YNNN",
        "write the packages of Index, and deploy its actions",
        provides="Threat Response Content Index User",
        content=_on(INDEX, "write_action", "write_package"),
    ),
    _content(
        "Index User",
        "pYNN",
        "use the content of Index",
        content=_on(INDEX, "read_sensor", "read_action", "read_package"),
    ),
    _content(
        "Detect User",
        "YYNN",
        "use the content of Detect, and deploy its actions",
        content=_on(
            DETECT,
            "read_sensor",
            "read_action",
            "write_action",
            "execute_plugin",
            "read_package",
            "read_saved_question",
        ),
    ),
    _more(
        "Intel Deploy",
        "YNNN",
        "deploy intel to endpoints, and withdraw it",
        "intel.deploy_inteldocument",
    ),
    _more("Logs Read", "YNNN", "read the logs of Threat Response"),
    _more("Settings Read", "pNNN", "see the settings of Threat Response"),
    _more(
        "Settings Write",
        "YNNN",
        "change the settings of Threat Response",
        provides="Threat Response Settings Read",
    ),
    _more("Stats Read", "YYYN", "see the figures of Threat Response"),
    _more("Tasks Read", "YYYN", "see the tasks of Threat Response"),
    _more("Audit Read", "YNNN", "read and export the audit log of Threat Response"),
    _more("Use API", "pppN", "use Threat Response over the API"),
)

_LIVE_ROWS: Final[tuple[Row, ...]] = (
    _live("Collection Configs Read", "ppYN", "see configurations of collections"),
    _live(
        "Collection Configs Write",
        "YYNN",
        "make and change configurations of collections",
        provides="Threat Response Live Response Collection Configs Read",
    ),
    _live("Destinations Read", "ppYN", "see destinations"),
    _live(
        "Destinations Write",
        "YYNN",
        "make and change destinations",
        provides="Threat Response Live Response Destinations Read",
    ),
    _live("File Collector Sets Read", "ppYN", "see sets of file collectors"),
    _live(
        "File Collector Sets Write",
        "YYNN",
        "make and change sets of file collectors",
        provides="Threat Response Live Response File Collector Sets Read",
    ),
    _live(
        "Packages Generate",
        "YNNN",
        "make packages that collect",
        provides="Threat Response Live Response Modules Read",
    ),
    _live("Script Sets Read", "ppYN", "see sets of scripts"),
    _live(
        "Script Sets Write",
        "YYNN",
        "make and change sets of scripts",
        provides="Threat Response Live Response Script Sets Read",
    ),
    _live("Modules Read", "pYYN", "see what can be collected"),
)

_TRACE_ROWS: Final[tuple[Row, ...]] = (
    Section("Trace", "RB-15", prefix="")("Show Trace", "pppN", "open the pages of Trace"),
    _trace("API Doc Read", "pppN", "read how Trace is used over the API"),
    _trace("Deployment Read", "pYYp", "see where recording is deployed", provides="Trace Use API"),
    _trace(
        "Deployment Write",
        "YNNY",
        "deploy recording to endpoints",
        provides="Trace Deployment Read",
    ),
    _trace(
        "Endpoint Configuration Read", "pppN", "see how endpoints are configured", _SEES_ENDPOINTS
    ),
    _trace("Enterprise Hunting Read", "YYYN", "see the sensors for hunting on all endpoints"),
    _trace("Exports Read", "ppYN", "see exported events", provides=_TRACE),
    _trace(
        "Exports Write", "YYNN", "export events and delete exports", provides="Trace Exports Read"
    ),
    _trace("File Downloads Read", "ppYN", "see files from live endpoints", provides=_TRACE),
    _trace(
        "File Downloads Write",
        "YYNN",
        "fetch files from live endpoints, and delete them here",
        provides="Trace File Downloads Read",
    ),
    _trace("IOCs Read", "ppYN", "see indicators of compromise", provides=_TRACE),
    _trace(
        "IOCs Write",
        "YYNN",
        "add, change and delete indicators of compromise",
        provides="Trace IOCs Read",
    ),
    _trace("Use API", "pppp", "use Trace over the API"),
    _live_trace(
        "Live Connections Read",
        "ppYN",
        "see connections to live endpoints",
        _SEES_SESSIONS,
        provides=f"{_TRACE}, Trace Endpoint Configuration Read",
    ),
    _live_trace(
        "Live Connections Write",
        "YYNN",
        "open and close connections to live endpoints",
        _OPENS,
        provides="Trace Live Connections Read",
    ),
    _live_trace("Live Connections File Delete", "YNNN", "delete files on live endpoints"),
    _live_trace(
        "Live Connections Filesystem Browse", "YYNN", "browse the file systems of live endpoints"
    ),
    _live_trace("Protect Rules Write", "YNNN", "add, change and delete rules of protection"),
    _live_trace("Saved Events Read", "ppYN", "see saved events", provides=_TRACE),
    _live_trace(
        "Saved Events Write",
        "YYNN",
        "save events of live endpoints",
        provides="Trace Saved Events Read",
    ),
    _live_trace("Snapshots Read", "ppYN", "see snapshots", provides=_TRACE),
    _live_trace(
        "Snapshots Write",
        "YYNN",
        "take snapshots and delete them",
        provides="Trace Snapshots Read",
    ),
)

ROWS: Final = (*_DETECT_ROWS, *_RESPONSE_ROWS, *_CONTENT_ROWS, *_LIVE_ROWS, *_TRACE_ROWS)
PERMISSIONS: Final = permissions_of(ROWS)
