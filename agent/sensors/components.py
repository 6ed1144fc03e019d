"""How each component of the agent stands, in the words of SE-02, and why.

Package Required: a part, or a program that it needs, is not there or too old. Disabled: nobody gave
it anything to do. Attention Needed: it has, and fails. Nominal: none of these.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from agent.recorder.exceptions import BlobDamaged
from agent.sensors.context import SensorContext
from agent.sensors.job_folder import MOST_JOBS, RUNNING, WAITING, JobFolder
from agent.sensors.packages import DPKG_STATUS, RPM_PROGRAM, has_rpm_records
from agent.status_socket import LocalStatus
from protocol.instructions import ApplyIntel

if sys.platform == "linux":
    from agent.recorder.lightskeleton import read_blob, read_manifest

NOMINAL, DISABLED, ATTENTION = "Nominal", "Disabled", "Attention Needed"
PACKAGE_REQUIRED: Final = "Package Required"

_ABSENT: Final = "absent"
_RUNNING: Final = "running"
_DETECTS_NOTHING: Final = "No event source runs: Signals see nothing."
_PROGRAMS: Final = (
    (RPM_PROGRAM, has_rpm_records),
    ("/usr/bin/dpkg", lambda root: (root / DPKG_STATUS).exists()),
    ("/usr/bin/systemctl", lambda root: (root / "run/systemd/system").is_dir()),
)


class Standing(NamedTuple):
    """How a component stands, and what is wrong with it: sentences."""

    state: str
    reasons: tuple[str, ...] = ()


def recorder_standing(status: LocalStatus) -> Standing:
    """Tell how the recorder stands, by its sources and by its files on the disk."""
    sources = status.report.sources
    missing = tuple(_missing_parts())
    if missing:
        return Standing(PACKAGE_REQUIRED, missing)
    if not sources:
        # A recorder that failed has said so; one without sources was told to have none.
        failed = bool(status.report.problems)
        return (
            Standing(ATTENTION, ("The recorder does not run.",)) if failed else Standing(DISABLED)
        )
    present = [source for source in sources if source.state != _ABSENT]
    if not present:
        reasons = tuple(f"{source.name}: {source.reason}" for source in sources)
        return Standing(PACKAGE_REQUIRED, reasons)
    return Standing(NOMINAL if all(one.state == _RUNNING for one in present) else ATTENTION)


def detection_standing(context: SensorContext, status: LocalStatus) -> Standing:
    """Tell how the evaluation of Signals stands."""
    report = status.report
    deployed = _deployed_signals(context)
    if deployed is None:
        return Standing(ATTENTION, ("The stored Signals cannot be read.",))
    if deployed == 0 and report.signals == 0:
        return Standing(DISABLED)
    if not recorded_kinds(status):
        return Standing(ATTENTION, (_DETECTS_NOTHING,))
    unknown = max(deployed - report.signals, 0)
    if unknown:
        reason = f"{unknown} deployed Signals cannot be evaluated by this version of the agent."
        return Standing(PACKAGE_REQUIRED, (reason,))
    return Standing(NOMINAL)


def response_standing(context: SensorContext) -> Standing:
    """Tell how sensors and their jobs stand. Who reads this has a sensor that answers."""
    jobs = context.directories.jobs
    place = next(folder for folder in (jobs, *jobs.parents) if folder.exists())
    if not os.access(place, os.W_OK | os.X_OK):
        return Standing(ATTENTION, (f"No job can be written down in {jobs}.",))
    begun = [one for _job, one in JobFolder(jobs).all() if one.state in (WAITING, RUNNING)]
    if len(begun) >= MOST_JOBS:
        return Standing(ATTENTION, ("There is no room for another job until one has ended.",))
    missing = tuple(
        f"{program} is not there, and its records are."
        for program, is_needed in _PROGRAMS
        if is_needed(context.root) and not (context.root / program[1:]).exists()
    )
    return Standing(PACKAGE_REQUIRED, missing) if missing else Standing(NOMINAL)


def overall_state(context: SensorContext, status: LocalStatus) -> str:
    """Tell how the whole stands: as its worst component, and disabled when nothing is recorded."""
    recorder = recorder_standing(status).state
    states = {
        recorder,
        detection_standing(context, status).state,
        response_standing(context).state,
    }
    if status.report.problems or ATTENTION in states:
        return ATTENTION
    if PACKAGE_REQUIRED in states:
        return PACKAGE_REQUIRED
    return DISABLED if recorder == DISABLED else NOMINAL


def recorded_kinds(status: LocalStatus) -> set[str]:
    """Return the kinds of events that some source sees."""
    sources = (source for source in status.report.sources if source.state != "failed")
    return {kind for source in sources for kind in source.kinds}


def _missing_parts() -> Iterator[str]:
    if sys.platform == "linux":
        try:
            read_blob(read_manifest())
        except BlobDamaged as error:
            yield f"The kernel program is missing or damaged: {error}"


def _deployed_signals(context: SensorContext) -> int | None:
    """Count the Signals that were deployed for this platform; None when they cannot be read."""
    file: Path = context.directories.intel_file
    try:
        deployed = msgspec.msgpack.decode(file.read_bytes(), type=ApplyIntel)
    except FileNotFoundError:
        return 0
    except (OSError, msgspec.MsgspecError):
        return None
    return sum(
        not signal.platforms or context.platform in signal.platforms for signal in deployed.signals
    )
