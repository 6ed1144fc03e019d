"""The pages of sensors: the list, one sensor, one version of a user's own.

They show what lies in the content sets whose sensors the user may read, and nothing else is there
for them.
"""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import urlencode

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from console.access.content import content_sets_of, may_use
from console.access.models import ContentSet, User
from console.core.admin import page_in_shell
from console.core.instants import how_long_ago
from console.core.requests import actor_of
from console.questions.browser_json import user_of
from console.questions.catalogue import definition_of
from console.questions.models import Sensor, SensorVersion
from console.questions.sensor_catalogue import (
    BUILT,
    OWN,
    RETIRED,
    SensorFilter,
    categories_of,
    difference,
    narrow,
    readable_sensors,
    results_of,
    saved_questions_naming,
    signature_problem,
)
from console.questions.sensor_forms import variable_of
from console.questions.sensors import READ, WRITE, retire_sensor
from console.questions.services import ASK
from sensors.definitions import Cost, ParameterType, SensorDefinition, ValueType

VIEW: Final = "questions.view_sensor"
LONGEST_SEARCH: Final = 200

COST_WORDS: Final = {
    Cost.INSTANT: ("Instant", "An endpoint answers at once: less than 50 ms of work."),
    Cost.LIGHT: ("Light", "An endpoint works for up to a second before it answers."),
    Cost.HEAVY: (
        "Heavy",
        "It reads much, or works long. The question starts a job on each endpoint, at low "
        "priority; the answer is the job's id, and the sensor's Results read what it found.",
    ),
}
PLATFORMS: Final = {
    "linux": ("Linux", "terminal"),
    "windows": ("Windows", "window"),
    "macos": ("macOS", "laptop_mac"),
}
ORIGINS: Final = ((BUILT, "Built-in"), (OWN, "Own"), (RETIRED, "Retired"))
VALUE_TYPES: Final = {
    ValueType.TEXT: "text",
    ValueType.INTEGER: "whole number",
    ValueType.DECIMAL: "number",
    ValueType.BYTES: "size in bytes",
    ValueType.SECONDS: "seconds",
    ValueType.INSTANT: "date and time",
    ValueType.BOOLEAN: "True or False",
    ValueType.IP_ADDRESS: "IP address",
    ValueType.VERSION: "version",
    ValueType.PATH: "path",
    ValueType.HASH: "hash",
}
PARAMETER_TYPES: Final = {
    ParameterType.TEXT: "text",
    ParameterType.INTEGER: "whole number",
    ParameterType.BOOLEAN: "0 or 1",
    ParameterType.REGULAR_EXPRESSION: "regular expression",
    ParameterType.INSTANT: "date and time",
    ParameterType.PATH: "path",
    ParameterType.HASH: "hash",
    ParameterType.CHOICE: "one of a list",
}


@require_safe
def list_sensors(request: HttpRequest) -> HttpResponse:
    """Show the sensors; `q`, `category`, `platform`, `cost`, `content_set`, `origin` narrow it."""
    user = reader_of(request)
    sensors = list(readable_sensors(user))
    wanted = _filter_of(request)
    found = narrow(sensors, wanted)
    context = {
        "title": "Sensors",
        "rows": [_line(sensor) for sensor in found],
        "count": len(found),
        "wanted": wanted,
        "categories": categories_of(sensors),
        "platforms": [(key, name) for key, (name, _) in PLATFORMS.items()],
        "costs": [(cost.value, name) for cost, (name, _) in COST_WORDS.items()],
        "content_sets": [(str(each.pk), each.name) for each in content_sets_of(user, READ)],
        "origins": ORIGINS,
        "may_write": content_sets_of(user, WRITE).exists(),
    }
    return page_in_shell(request, "questions/sensors/list.html", context)


@require_safe
def show_sensor(request: HttpRequest, sensor_id: int) -> HttpResponse:
    """Show what a sensor tells, what it asks for and costs, and where it is used."""
    user = reader_of(request)
    sensor = find_sensor(user, sensor_id)
    definition = definition_of(sensor)
    versions = list(sensor.versions.select_related("saved_by"))
    now = timezone.now()
    context = {
        **_line(sensor),
        "title": sensor.name,
        "columns": [(each.name, VALUE_TYPES[each.type]) for each in definition.columns],
        "result_columns": [(each.name, VALUE_TYPES[each.type]) for each in results_of(sensor)],
        "parameters": [_parameter(each, sensor) for each in definition.parameters],
        "call": _call_of(definition),
        "ask_url": _ask_url(sensor),
        "may_ask": user.has_perm(ASK) and sensor.retired_at is None,
        "may_change": may_change(user, sensor),
        "may_copy": content_sets_of(user, WRITE).exists(),
        "versions": [(each, how_long_ago(each.saved_at, now=now)) for each in versions],
        "newest": versions[0] if versions else None,
        "output_limit": _size(versions[0].output_limit) if versions else "",
        "signature_problem": signature_problem(sensor) if sensor.language else "",
        "used_in": saved_questions_naming(sensor, user=user),
        "may_see_set": user.is_superuser,
        "content_sets": ContentSet.objects.order_by("name") if user.is_superuser else (),
    }
    return page_in_shell(request, "questions/sensors/sensor.html", context)


@require_safe
def show_version(request: HttpRequest, sensor_id: int, number: int) -> HttpResponse:
    """Show one version, and what it changed since `?since=`, which is the one before it."""
    user = reader_of(request)
    sensor = find_sensor(user, sensor_id)
    versions = {each.number: each for each in sensor.versions.select_related("saved_by")}
    version = versions.get(number)
    if version is None:
        raise Http404("There is no such version.")
    since = _since(request, versions, version)
    context = {
        "title": f"{sensor.name}: version {number}",
        "sensor": sensor,
        "version": version,
        "ago": how_long_ago(version.saved_at, now=timezone.now()),
        "since": since,
        "others": [each for each in versions.values() if each.number != number],
        "lines": difference(since, version) if since else [],
        "settings": _settings(since, version),
        "is_newest": number == max(versions),
        "may_change": may_change(user, sensor),
    }
    return page_in_shell(request, "questions/sensors/version.html", context)


@require_POST
def retire(request: HttpRequest, sensor_id: int) -> HttpResponse:
    """Retire a sensor; the page has asked before."""
    user = reader_of(request)
    sensor = find_sensor(user, sensor_id)
    if not may_change(user, sensor):
        raise PermissionDenied
    name = sensor.name
    retire_sensor(sensor, user=user, actor=actor_of(request), now=timezone.now())
    messages.success(request, f"“{name}” is retired. Its old answers stay.")
    return HttpResponseRedirect(reverse("sensors"))


def reader_of(request: HttpRequest) -> User:
    """Return who is logged in and may see sensors. Raises `PermissionDenied`."""
    user = user_of(request)
    if not user.has_perm(VIEW):
        raise PermissionDenied
    return user


def find_sensor(user: User, sensor_id: int) -> Sensor:
    """Return a sensor that the user may see. Raises `Http404`."""
    sensor = readable_sensors(user).filter(pk=sensor_id).first()
    if sensor is None:
        raise Http404("There is no such sensor.")
    return sensor


def may_change(user: User, sensor: Sensor) -> bool:
    """Tell whether a user may save a new version of a sensor, or retire it."""
    is_own = bool(sensor.language) and sensor.retired_at is None
    return is_own and may_use(user, WRITE, sensor.content_set_id)


# ---------------------------------------------------------------------- inside


def _filter_of(request: HttpRequest) -> SensorFilter:
    given = {name: request.GET.get(name, "").strip() for name in SensorFilter.__slots__}
    given["query"] = request.GET.get("q", "").strip()[:LONGEST_SEARCH]
    return SensorFilter(**given)


def _line(sensor: Sensor) -> dict[str, Any]:
    cost = Cost(sensor.cost)
    return {
        "sensor": sensor,
        "cost": cost.value,
        "cost_name": COST_WORDS[cost][0],
        "cost_text": COST_WORDS[cost][1],
        "platforms": [PLATFORMS[each] for each in PLATFORMS if each in sensor.platforms],
    }


def _parameter(parameter: Any, sensor: Sensor) -> dict[str, Any]:
    return {
        "parameter": parameter,
        "type": PARAMETER_TYPES[parameter.type],
        "is_needed": parameter.default is None,
        "variable": variable_of(parameter.key) if sensor.language else "",
    }


def _call_of(definition: SensorDefinition) -> str:
    """Write how a question names a sensor with all that it asks for."""
    if not definition.parameters:
        return definition.name
    given = ", ".join(f'{each.key}="…"' for each in definition.parameters)
    return f"{definition.name}[{given}]"


def _ask_url(sensor: Sensor) -> str:
    return f"{reverse('questions')}?{urlencode({'text': sensor.example})}"


def _since(
    request: HttpRequest, versions: dict[int, SensorVersion], version: SensorVersion
) -> SensorVersion | None:
    wanted = request.GET.get("since", "")
    if wanted.isascii() and wanted.isdigit() and len(wanted) < 10:
        return versions.get(int(wanted))
    return versions.get(max((each for each in versions if each < version.number), default=0))


def _settings(since: SensorVersion | None, version: SensorVersion) -> list[dict[str, str]]:
    """List what of a version is not its script, with what it was before."""
    before = since or version
    return [
        {"title": "Separator", "before": before.separator, "now": version.separator},
        {
            "title": "Output limit",
            "before": _size(before.output_limit),
            "now": _size(version.output_limit),
        },
    ]


def _size(limit: int) -> str:
    """Write an output limit as the editor does, in KiB; a smaller one in bytes."""
    return f"{limit / 1024:,.10g} KiB" if limit >= 1024 else f"{limit} bytes"
