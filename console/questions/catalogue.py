"""The sensors that questions may name: those of every agent, and users' own.

The table is a copy of `sensors.catalogue` and of what users wrote, so that content sets, pages and
questions treat both alike. What a user may not use is not there for them at all.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

import msgspec
import structlog
from django.db import transaction
from django.db.models import QuerySet

from console.access.content import content_sets_of
from console.access.models import ContentSet, User
from console.questions.models import Sensor
from sensors.catalogue import BUILT_IN
from sensors.definitions import Column, Cost, Parameter, SensorDefinition

log: structlog.stdlib.BoundLogger = structlog.get_logger()

_WRITTEN: Final = (
    "name",
    "description",
    "category",
    "content_set",
    "columns",
    "parameters",
    "platforms",
    "cost",
    "example",
    "aliases",
    "timeout",
    "retired_at",
)


@transaction.atomic
def sync_built_in(*, now: datetime) -> None:
    """Let the table have every built-in sensor as this version of the console knows it.

    One that is gone is retired: its old answers keep their name. A user's own sensor that has the
    name of a new built-in one gets "(own)" behind it. Where somebody moved a built-in sensor into
    another content set, it stays there.
    """
    existing = {sensor.key: sensor for sensor in Sensor.objects.filter(language="")}
    content_sets = _content_sets(definition.content_set for definition in BUILT_IN.values())
    _make_room([definition.name for definition in BUILT_IN.values()])
    Sensor.objects.bulk_create(
        [
            Sensor(
                key=definition.key,
                content_set_id=(
                    existing[definition.key].content_set_id
                    if definition.key in existing
                    else content_sets[definition.content_set].pk
                ),
                retired_at=None,
                **_fields(definition),
            )
            for definition in BUILT_IN.values()
        ],
        update_conflicts=True,
        unique_fields=["key"],
        update_fields=_WRITTEN,
    )
    gone = Sensor.objects.filter(language="", retired_at=None).exclude(key__in=list(BUILT_IN))
    gone.update(retired_at=now)


def sensors_for(user: User) -> QuerySet[Sensor]:
    """Return the sensors that a user may name in a question."""
    sensors = Sensor.objects.filter(retired_at=None)
    if user.is_superuser and user.is_active:
        return sensors
    return sensors.filter(content_set__in=content_sets_of(user, "read_sensor"))


def definitions_for(user: User | None) -> list[SensorDefinition]:
    """Describe what a user may name in a question; None is the console itself: everything."""
    sensors = Sensor.objects.filter(retired_at=None) if user is None else sensors_for(user)
    return [definition_of(sensor) for sensor in sensors.select_related("content_set")]


def own_definitions() -> list[SensorDefinition]:
    """Describe all users' own sensors."""
    own = Sensor.objects.filter(retired_at=None).exclude(language="")
    return [definition_of(sensor) for sensor in own.select_related("content_set")]


def definition_of(sensor: Sensor) -> SensorDefinition:
    """Describe a sensor of the table as the language of questions takes it."""
    return SensorDefinition(
        key=sensor.key,
        name=sensor.name,
        description=sensor.description,
        category=sensor.category,
        columns=tuple(msgspec.convert(each, Column) for each in sensor.columns),
        parameters=tuple(msgspec.convert(each, Parameter) for each in sensor.parameters),
        platforms=tuple(sensor.platforms),
        cost=Cost(sensor.cost),
        content_set=sensor.content_set.name,
        example=sensor.example,
        timeout=sensor.timeout,
        aliases=tuple(sensor.aliases),
    )


def _fields(definition: SensorDefinition) -> dict[str, Any]:
    return {
        "name": definition.name,
        "description": definition.description,
        "category": definition.category,
        "columns": msgspec.to_builtins(definition.columns),
        "parameters": msgspec.to_builtins(definition.parameters),
        "platforms": list(definition.platforms),
        "cost": definition.cost.value,
        "example": definition.example,
        "aliases": list(definition.aliases),
        "timeout": definition.timeout,
    }


def _content_sets(names: Iterable[str]) -> dict[str, ContentSet]:
    return {
        name: ContentSet.objects.get_or_create(name=name, defaults={"reserved": True})[0]
        for name in sorted(set(names))
    }


def _make_room(names: Iterable[str]) -> None:
    # Two built-in sensors may swap their names between versions, so none keeps its old one here.
    wanted = {name.casefold() for name in names}
    for sensor in Sensor.objects.all():
        if sensor.name.casefold() not in wanted:
            continue
        if sensor.language:
            own = f"{sensor.name} (own)"
            log.warning("questions.sensor_renamed", sensor=sensor.name, name=own)
            Sensor.objects.filter(pk=sensor.pk).update(name=own)
        elif sensor.key not in BUILT_IN or BUILT_IN[sensor.key].name != sensor.name:
            Sensor.objects.filter(pk=sensor.pk).update(name=f"{sensor.name} ({sensor.key})"[:255])
