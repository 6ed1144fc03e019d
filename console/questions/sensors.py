"""Users' own sensors: written, tried on one endpoint, signed, versioned, retired.

A version is signed when it is saved and never changes. Who may write sensors of a content set may
make endpoints run programs: that is what the permission means.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import msgspec
from django.db import transaction
from django.db.models import QuerySet

from console.access.content import content_sets_of, may_use
from console.access.models import ContentSet, User
from console.audit.services import record_audit_event
from console.core.actor import Actor
from console.core.exceptions import NotAllowed
from console.endpoints.reach import reach_of
from console.questions.exceptions import NobodyToAsk, SensorInUse, SensorRefused
from console.questions.models import Question, Sensor, SensorVersion
from console.questions.scripts import as_script, signature_of
from console.questions.services import ASK, Terms, pose
from console.questions.targets import Scope
from console.questions.wording import word_call
from protocol.questions import SensorCall
from sensors.definitions import EVERYWHERE, Column, Cost, Parameter

READ: Final = "read_sensor"
WRITE: Final = "write_sensor"

LONGEST_SCRIPT: Final = 256 * 1024
LONGEST_TIMEOUT: Final = 600.0
LARGEST_OUTPUT: Final = 16 * 1024 * 1024
MOST_COLUMNS: Final = 64
TEST_LIFETIME: Final = timedelta(minutes=12)

RUNS_ON: Final = {
    Sensor.Language.PYTHON: EVERYWHERE,
    Sensor.Language.SHELL: ("linux", "macos"),
    Sensor.Language.POWERSHELL: ("windows",),
}
_PARAMETER_KEY: Final = re.compile(r"[a-z][a-z0-9_-]{0,63}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class SensorFields:
    """What a sensor of one's own consists of. `timeout` in seconds, `output_limit` in bytes.

    `platforms` empty: all on which the language runs.
    """

    name: str
    language: str
    script: str
    columns: Sequence[Column]
    content_set: ContentSet
    description: str = ""
    category: str = "Own"
    parameters: Sequence[Parameter] = ()
    platforms: Sequence[str] = ()
    cost: Cost = Cost.LIGHT
    example: str = ""
    separator: str = "|"
    timeout: float = 30.0
    output_limit: int = 1024 * 1024
    note: str = ""


def own_sensors_for(user: User) -> QuerySet[Sensor]:
    """Return the users' own sensors that somebody may change."""
    return Sensor.objects.exclude(language="").filter(
        content_set__in=content_sets_of(user, WRITE), retired_at=None
    )


@transaction.atomic
def create_sensor(fields: SensorFields, *, user: User, actor: Actor, now: datetime) -> Sensor:
    """Save a new sensor with its first version.

    Raises `NotAllowed` for the content set, `SensorRefused` with the wrong fields, `SensorInUse`.
    """
    _require_write(user, fields.content_set)
    sensor = Sensor(key=f"custom.{uuid.uuid4()}")
    _write(sensor, fields, user=user, number=1, now=now)
    _record(sensor, "sensor.create", 1, actor=actor, now=now)
    return sensor


@transaction.atomic
def change_sensor(
    sensor: Sensor, fields: SensorFields, *, user: User, actor: Actor, now: datetime
) -> Sensor:
    """Save a new version; questions that were asked before ran the old one.

    Raises as `create_sensor`, and `NotAllowed` for a built-in sensor.
    """
    sensor = Sensor.objects.select_for_update().get(pk=sensor.pk)
    _require_own(sensor)
    _require_write(user, sensor.content_set)
    _require_write(user, fields.content_set)
    last = sensor.versions.order_by("-number").values_list("number", flat=True).first() or 0
    _write(sensor, fields, user=user, number=last + 1, now=now)
    _record(sensor, "sensor.change", last + 1, actor=actor, now=now)
    return sensor


@transaction.atomic
def retire_sensor(sensor: Sensor, *, user: User, actor: Actor, now: datetime) -> None:
    """Let nobody ask it any more; old answers stay. Its name becomes free.

    Raises `NotAllowed`.
    """
    _require_own(sensor)
    _require_write(user, sensor.content_set)
    retired = f"{sensor.name[:200]} (retired {now:%Y-%m-%d %H:%M:%S})"
    Sensor.objects.filter(pk=sensor.pk, retired_at=None).update(retired_at=now, name=retired)
    _record(sensor, "sensor.retire", 0, actor=actor, now=now)


def try_sensor(
    fields: SensorFields,
    parameters: dict[str, str],
    *,
    endpoint_id: UUID,
    user: User,
    actor: Actor,
    now: datetime,
) -> Question:
    """Run a script on one endpoint without saving it; the answer is a question of source TEST.

    Only its asker sees it. Raises as `create_sensor`, and `NobodyToAsk` for an endpoint that the
    user may not ask, as for one that does not exist.
    """
    _require_write(user, fields.content_set)
    _check(fields)
    sensor = Sensor(key=f"custom.{uuid.uuid4()}", language=fields.language)
    _fill(sensor, fields)
    version = _version_of(sensor, fields, number=0)
    call = SensorCall(
        key=sensor.key,
        name=sensor.name,
        parameters=parameters,
        script=as_script(sensor, version),
    )
    reach = reach_of(user, ASK)
    if not reach.includes([endpoint_id]):
        raise NobodyToAsk("There is no such endpoint among those that you may ask.")
    scope = Scope(reach=reach, endpoint_ids=frozenset({endpoint_id}))
    terms = Terms(lifetime=TEST_LIFETIME, source=Question.Source.TEST)
    return pose(word_call(call, sensor), scope, terms, asked_by=user, actor=actor, now=now)


def _write(sensor: Sensor, fields: SensorFields, *, user: User, number: int, now: datetime) -> None:
    _check(fields)
    _require_free(fields.name, sensor)
    _fill(sensor, fields)
    sensor.save()
    version = _version_of(sensor, fields, number=number)
    version.sensor = sensor
    version.signature = signature_of(sensor, version)
    version.saved_at = now
    version.saved_by = user
    version.save()


def _fill(sensor: Sensor, fields: SensorFields) -> None:
    sensor.name = fields.name.strip()
    sensor.description = fields.description
    sensor.category = fields.category
    sensor.content_set = fields.content_set
    sensor.language = fields.language
    sensor.columns = msgspec.to_builtins(list(fields.columns))
    sensor.parameters = msgspec.to_builtins(list(fields.parameters))
    platforms = fields.platforms or RUNS_ON[Sensor.Language(fields.language)]
    sensor.platforms = list(platforms)
    sensor.cost = fields.cost.value
    sensor.example = fields.example or f"Get {sensor.name} from all machines"
    sensor.timeout = fields.timeout


def _version_of(sensor: Sensor, fields: SensorFields, *, number: int) -> SensorVersion:
    return SensorVersion(
        number=number,
        script=fields.script.replace("\r\n", "\n"),
        separator=fields.separator,
        output_limit=fields.output_limit,
        note=fields.note[:255],
    )


def _check(fields: SensorFields) -> None:
    errors: dict[str, list[str]] = {}
    _check_sizes(fields, errors)
    _check_names(fields, errors)
    if fields.language not in Sensor.Language.values:
        errors["language"] = [f"one of {', '.join(Sensor.Language.values)}"]
    elif not set(fields.platforms) <= set(RUNS_ON[Sensor.Language(fields.language)]):
        errors["platforms"] = [f"{fields.language} does not run on all of these"]
    if errors:
        raise SensorRefused("The sensor cannot work like this.", errors=errors)


def _require_free(name: str, sensor: Sensor) -> None:
    if Sensor.objects.filter(name__iexact=name.strip()).exclude(pk=sensor.pk).exists():
        raise SensorInUse("Another sensor has this name.", errors={"name": ["This is taken."]})


def _check_sizes(fields: SensorFields, errors: dict[str, list[str]]) -> None:
    if not fields.script.strip() or len(fields.script) > LONGEST_SCRIPT:
        errors["script"] = [f"from 1 to {LONGEST_SCRIPT} characters"]
    if "\0" in fields.script:
        errors["script"] = ["A script holds no NUL."]
    if not 0 < fields.timeout <= LONGEST_TIMEOUT:
        errors["timeout"] = [f"above 0, at most {LONGEST_TIMEOUT:.0f} seconds"]
    if not 1 <= fields.output_limit <= LARGEST_OUTPUT:
        errors["output_limit"] = [f"from 1 to {LARGEST_OUTPUT} bytes"]
    if not 1 <= len(fields.separator) <= 8 or "\n" in fields.separator:
        errors["separator"] = ["from 1 to 8 characters, no line break"]


def _check_names(fields: SensorFields, errors: dict[str, list[str]]) -> None:
    name = fields.name.strip()
    if not 1 <= len(name) <= 200 or not name.isprintable():
        errors["name"] = ["from 1 to 200 printable characters"]
    titles = [column.name.strip().casefold() for column in fields.columns]
    if not 1 <= len(titles) <= MOST_COLUMNS:
        errors["columns"] = [f"from 1 to {MOST_COLUMNS} columns"]
    elif "" in titles or len(set(titles)) != len(titles):
        errors["columns"] = ["each needs a name of its own"]
    keys = [parameter.key for parameter in fields.parameters]
    if not all(map(_PARAMETER_KEY.fullmatch, keys)) or len(set(keys)) != len(keys):
        errors["parameters"] = ["keys of their own: small letters, digits, hyphens"]


def _require_write(user: User, content_set: ContentSet) -> None:
    if not may_use(user, WRITE, content_set):
        raise NotAllowed(f"Your roles do not let you write sensors in {content_set.name}.")


def _require_own(sensor: Sensor) -> None:
    if not sensor.language:
        raise NotAllowed("A built-in sensor cannot be changed: copy it into one of your own.")


def _record(sensor: Sensor, action: str, number: int, *, actor: Actor, now: datetime) -> None:
    detail: dict[str, Any] = {"version": number} if number else {}
    record_audit_event(actor=actor, action=action, subject=sensor, detail=detail, now=now)
