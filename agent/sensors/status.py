"""How the agent's own parts are doing, as the running agent tells on its socket."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

from cryptography import x509

from agent.exceptions import NotRunning
from agent.sensors.components import (
    Standing,
    detection_standing,
    overall_state,
    recorded_kinds,
    recorder_standing,
    response_standing,
)
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
_SYSTEMS: Final = {"linux": "Linux", "windows": "Windows", "macos": "Mac"}
_CERTIFICATE: Final = re.compile(
    rb"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL
)


def threat_response(context: SensorContext, _parameters: Mapping[str, str]) -> Iterator[Row]:
    """Give each component, key and value."""
    status = _asked(context)
    system = _SYSTEMS.get(context.platform, context.platform)
    for component, rows in (
        (RECORDER, _recorder(status)),
        (DETECT, _detect(context, status)),
        (RESPONSE, _response(context)),
        (WHOLE, _whole(context, status)),
    ):
        for key, value in rows:
            yield component, key, f"{system} {value}" if key.endswith("Status") else value


def overall(context: SensorContext, _parameters: Mapping[str, str]) -> Iterator[Row]:
    """Give the status of the whole."""
    system = _SYSTEMS.get(context.platform, context.platform)
    yield (f"{system} {overall_state(context, _asked(context))}",)


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
    yield from _shown(recorder_standing(status))
    for source in report.sources:
        reason = f": {source.reason}" if source.reason else ""
        yield f"Source {source.name}", f"{source.state}{reason}"
    yield "Recorded Kinds", ", ".join(sorted(recorded_kinds(status)))
    yield "Events Recorded", str(sum(counted.recorded for counted in report.counters.values()))
    yield "Events Lost", str(sum(counted.lost for counted in report.counters.values()))
    yield "Database Bytes", str(report.store_bytes)
    yield "Oldest Event", instant_text(report.store_oldest_at)


def _detect(context: SensorContext, status: LocalStatus) -> Iterator[tuple[str, str]]:
    report = status.report
    yield from _shown(detection_standing(context, status))
    # In the words, and the case, of the guides.
    yield "Can use Signals", str(bool(recorded_kinds(status))).lower()
    yield "Signals", str(report.signals)
    yield "Intel Revision", str(report.intel_revision)


def _response(context: SensorContext) -> Iterator[tuple[str, str]]:
    yield from _shown(response_standing(context))
    yield "Jobs Kept", str(len(JobFolder(context.directories.jobs).all()))


def _whole(context: SensorContext, status: LocalStatus) -> Iterator[tuple[str, str]]:
    yield "Overall Status", overall_state(context, status)
    yield "Agent Version", status.agent_version
    yield "Running Since", instant_text(status.report.started_at)
    for problem in status.report.problems:
        yield "Problem", problem


def _shown(standing: Standing) -> Iterator[tuple[str, str]]:
    yield "Status", standing.state
    for reason in standing.reasons:
        yield "Problem", reason


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
