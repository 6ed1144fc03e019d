"""The editor of users' own sensors: its page, and saving what it sends.

The page is filled in the browser and sent as JSON, so that each refusal stands at its field and
nothing that was typed is lost.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone

from console.access.content import content_sets_of
from console.access.models import User
from console.core.admin import page_in_shell
from console.core.exceptions import Conflict
from console.core.requests import actor_of
from console.questions.browser_json import body_of, json_view, user_of
from console.questions.models import Sensor, SensorVersion
from console.questions.sensor_catalogue import (
    categories_of,
    readable_sensors,
    results_of,
)
from console.questions.sensor_forms import (
    COSTS,
    DraftColumn,
    SensorDraft,
    draft_of,
    read_draft,
)
from console.questions.sensor_pages import (
    COST_WORDS,
    PARAMETER_TYPES,
    PLATFORMS,
    VALUE_TYPES,
    VIEW,
    find_sensor,
    may_change,
    reader_of,
)
from console.questions.sensors import RUNS_ON, WRITE, change_sensor, create_sensor
from console.questions.services import ASK
from sensors.definitions import JOB_PARAMETER

_draft: Final = msgspec.json.Decoder(SensorDraft)


def add_sensor(request: HttpRequest) -> HttpResponse:
    """Show the editor of a new sensor, or save what it sent; `?copy_of=` is one to begin with.

    Who may write in no content set is told so.
    """
    user = reader_of(request)
    if request.method == "POST":
        return _save_new(request)
    if not content_sets_of(user, WRITE).exists():
        context = {"title": "New sensor"}
        return page_in_shell(request, "questions/sensors/not_a_writer.html", context)
    draft = _copied(request, user)
    return _page(request, draft, title="New sensor")


def change(request: HttpRequest, sensor_id: int) -> HttpResponse:
    """Show the editor of a sensor, or save a version; `?version=` is an older one to begin with."""
    user = reader_of(request)
    sensor = find_sensor(user, sensor_id)
    if not may_change(user, sensor):
        raise PermissionDenied
    if request.method == "POST":
        return _save_version(request, sensor)
    newest = sensor.versions.first()
    draft = draft_of(sensor, _version(request, sensor) or newest)
    draft.version = newest.number if newest else 0
    return _page(request, draft, title=sensor.name, sensor=sensor)


@json_view(VIEW)
def _save_new(request: HttpRequest) -> dict[str, Any]:
    user = user_of(request)
    fields = read_draft(body_of(request, _draft), user=user)
    made = create_sensor(fields, user=user, actor=actor_of(request), now=timezone.now())
    messages.success(request, f"“{made.name}” was saved. Questions may name it now.")
    return {"url": reverse("sensor", args=[made.pk])}


@json_view(VIEW)
def _save_version(request: HttpRequest, sensor: Sensor) -> dict[str, Any]:
    user = user_of(request)
    draft = body_of(request, _draft)
    fields = read_draft(draft, user=user)
    newest = sensor.versions.select_related("saved_by").first()
    if newest is not None and newest.number != draft.version:
        saved_by = newest.saved_by.username if newest.saved_by else "Somebody"
        raise Conflict(
            f"{saved_by} saved version {newest.number} while you were writing. Open it in another "
            "window and take over what you need."
        )
    changed = change_sensor(sensor, fields, user=user, actor=actor_of(request), now=timezone.now())
    messages.success(request, f"A new version of “{changed.name}” was saved and signed.")
    return {"url": reverse("sensor", args=[changed.pk])}


# ---------------------------------------------------------------------- inside


def _copied(request: HttpRequest, user: User) -> SensorDraft:
    number = _number(request.GET.get("copy_of", ""))
    if not number:
        first = content_sets_of(user, WRITE).filter(reserved=False).first()
        return SensorDraft(
            content_set=first.pk if first else None,
            columns=[DraftColumn()],
            platforms=list(RUNS_ON[Sensor.Language.PYTHON]),
        )
    sensor = find_sensor(user, number)
    draft = draft_of(sensor, sensor.versions.first())
    draft.name = f"{sensor.name} (copy)"
    if results := results_of(sensor):
        # A job is for built-in sensors: the copy answers by itself what the job finds.
        draft.columns = [DraftColumn(each.name, each.type) for each in results]
        draft.parameters = [each for each in draft.parameters if each.key != JOB_PARAMETER.key]
    if not content_sets_of(user, WRITE).filter(pk=sensor.content_set_id).exists():
        draft.content_set = None
    return draft


def _version(request: HttpRequest, sensor: Sensor) -> SensorVersion | None:
    number = _number(request.GET.get("version", ""))
    if not number:
        return None
    found = sensor.versions.filter(number=number).first()
    if found is None:
        raise Http404("There is no such version.")
    return found


def _page(
    request: HttpRequest, draft: SensorDraft, *, title: str, sensor: Sensor | None = None
) -> HttpResponse:
    user = user_of(request)
    context = {
        "title": title,
        "sensor": sensor,
        "categories": categories_of(readable_sensors(user)),
        "content_sets": content_sets_of(user, WRITE),
        "languages": Sensor.Language.choices,
        "platforms": [(key, name) for key, (name, _) in PLATFORMS.items()],
        "costs": [(each.value, *COST_WORDS[each]) for each in COSTS],
        "may_ask": user.has_perm(ASK),
        "page": {
            "draft": msgspec.to_builtins(draft),
            "save": request.path,
            "leave": reverse("sensor", args=[sensor.pk]) if sensor else reverse("sensors"),
            "trial": reverse("sensor-trial"),
            "endpoints": reverse("sensor-trial-endpoints"),
            "value_types": [(kind.value, words) for kind, words in VALUE_TYPES.items()],
            "parameter_types": [(kind.value, words) for kind, words in PARAMETER_TYPES.items()],
            "runs_on": {language.value: list(names) for language, names in RUNS_ON.items()},
        },
    }
    return page_in_shell(request, "questions/sensors/editor.html", context)


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0
