"""How the agent's own parts are doing, as the running agent tells on its socket."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

from cryptography import x509

from agent.exceptions import NotRunning
from agent.sensors.context import Row, SensorContext, SensorFunction
from agent.sensors.exceptions import SensorFailed, SensorUnavailable
from agent.sensors.job_folder import JobFolder
from agent.sensors.reading import read_start
from agent.sensors.recordedevents import open_store
from agent.sensors.values import boolean_text, instant_text
from agent.status_socket import LocalStatus, ask_status
from eventstore.exceptions import EventStoreError

DETECT, RECORDER, RESPONSE = "Detect Engine", "Event Recorder", "Incident Response"
WHOLE: Final = "Threat Response"
NOMINAL, DISABLED, ATTENTION = "Nominal", "Disabled", "Attention Needed"
_SYSTEMS: Final = {"linux": "Linux", "windows": "Windows", "macos": "Mac"}
_ABSENT: Final = "absent"
_RUNNING: Final = "running"
_CERTIFICATE: Final = re.compile(
    rb"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL
)


def threat_response(context: SensorContext, _parameters: Mapping[str, str]) -> Iterator[Row]:
    """Give each component, key and value."""
    status = _asked(context)
    system = _SYSTEMS.get(context.platform, context.platform)
    for component, rows in (
        (RECORDER, _recorder(status)),
        (DETECT, _detect(status)),
        (RESPONSE, _response(context)),
        (WHOLE, _whole(status)),
    ):
        for key, value in rows:
            yield component, key, f"{system} {value}" if key.endswith("Status") else value


def overall(context: SensorContext, _parameters: Mapping[str, str]) -> Iterator[Row]:
    """Give the status of the whole."""
    system = _SYSTEMS.get(context.platform, context.platform)
    yield (f"{system} {_overall(_asked(context))}",)


def certificate_installed(context: SensorContext, _parameters: Mapping[str, str]) -> Iterator[Row]:
    """Tell whether the endpoint's certificate is there and valid."""
    yield (boolean_text(_has_certificate(context)),)


def database_configured(context: SensorContext, _parameters: Mapping[str, str]) -> Iterator[Row]:
    """Tell whether the event store is there and opens."""
    try:
        open_store(context).abandon()
    except (SensorUnavailable, EventStoreError):
        yield (boolean_text(False),)
    else:
        yield (boolean_text(True),)


def _asked(context: SensorContext) -> LocalStatus:
    try:
        return ask_status(context.directories.status_socket)
    except NotRunning as error:
        raise SensorFailed(str(error)) from error


def _recorder(status: LocalStatus) -> Iterator[tuple[str, str]]:
    report = status.report
    yield "Status", _recorder_status(status)
    for source in report.sources:
        reason = f": {source.reason}" if source.reason else ""
        yield f"Source {source.name}", f"{source.state}{reason}"
    yield "Recorded Kinds", ", ".join(sorted(_recorded_kinds(status)))
    yield "Events Recorded", str(sum(counted.recorded for counted in report.counters.values()))
    yield "Events Lost", str(sum(counted.lost for counted in report.counters.values()))
    yield "Database Bytes", str(report.store_bytes)
    yield "Oldest Event", instant_text(report.store_oldest_at)


def _recorder_status(status: LocalStatus) -> str:
    present = [source for source in status.report.sources if source.state != _ABSENT]
    if not present:
        return DISABLED
    return NOMINAL if all(source.state == _RUNNING for source in present) else ATTENTION


def _recorded_kinds(status: LocalStatus) -> set[str]:
    sources = (source for source in status.report.sources if source.state != "failed")
    return {kind for source in sources for kind in source.kinds}


def _detect(status: LocalStatus) -> Iterator[tuple[str, str]]:
    report = status.report
    can_use = bool(_recorded_kinds(status))
    yield "Status", _recorder_status(status)
    # In the words, and the case, of the guides.
    yield "Can use Signals", str(can_use).lower()
    yield "Signals", str(report.signals)
    yield "Intel Revision", str(report.intel_revision)


def _response(context: SensorContext) -> Iterator[tuple[str, str]]:
    # Who reads this has a sensor that answers.
    yield "Status", NOMINAL
    yield "Jobs Kept", str(len(JobFolder(context.directories.jobs).all()))


def _whole(status: LocalStatus) -> Iterator[tuple[str, str]]:
    yield "Overall Status", _overall(status)
    yield "Agent Version", status.agent_version
    yield "Running Since", instant_text(status.report.started_at)
    for problem in status.report.problems:
        yield "Problem", problem


def _overall(status: LocalStatus) -> str:
    return ATTENTION if status.report.problems else _recorder_status(status)


def _has_certificate(context: SensorContext) -> bool:
    try:
        found = _CERTIFICATE.search(read_start(context.directories.identity_file))
    except OSError:
        return False
    if found is None:
        return False
    try:
        certificate = x509.load_pem_x509_certificate(found[0])
    except ValueError:
        return False
    now = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=context.now)
    return certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc


SENSORS: Final[dict[str, SensorFunction]] = {
    "status.threat_response": threat_response,
    "status.overall": overall,
    "status.certificate": certificate_installed,
    "status.database": database_configured,
}
