"""Test runs of sensors that are being written: on one endpoint, unsaved, for their author only.

A test is a question of its own source; what came of it is read until it has ended.
"""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

import msgspec
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from console.core.exceptions import NotFound
from console.core.redis import client
from console.core.requests import actor_of
from console.endpoints.models import Endpoint
from console.endpoints.presence import all_online_ids
from console.endpoints.reach import Reach, reach_of
from console.questions.browser_answers import seen_by
from console.questions.browser_json import body_of, json_view, user_of
from console.questions.drill_down import rows_by_endpoint
from console.questions.exceptions import SensorRefused
from console.questions.models import Question, QuestionTarget
from console.questions.selectors import unanswered
from console.questions.sensor_forms import SensorTrial, fill_trial, read_draft
from console.questions.sensors import try_sensor
from console.questions.services import ASK, cancel

ENDPOINTS_OFFERED: Final = 50
ROWS_SHOWN: Final = 200
_LOOKED_AT_ONCE: Final = 500

State = QuestionTarget.State

_trial: Final = msgspec.json.Decoder(SensorTrial)


@require_POST
@json_view(ASK)
def start_trial(request: HttpRequest) -> dict[str, Any]:
    """Run a draft on one endpoint, and say where its outcome is read."""
    user = user_of(request)
    trial = body_of(request, _trial)
    fields = read_draft(trial.draft, user=user)
    parameters = fill_trial(trial, fields)
    if trial.endpoint is None:
        raise SensorRefused(
            "Choose an endpoint for the test run.", errors={"endpoint": ["Choose an endpoint."]}
        )
    question = try_sensor(
        fields,
        parameters,
        endpoint_id=trial.endpoint,
        user=user,
        actor=actor_of(request),
        now=timezone.now(),
    )
    return {"url": reverse("sensor-trial-outcome", args=[question.pk])}


@require_safe
@json_view(ASK)
def list_endpoints(request: HttpRequest) -> dict[str, Any]:
    """List endpoints that are online and that the user may ask; `?q=` is in their names."""
    wanted = request.GET.get("q", "").strip()[:255]
    endpoints = reach_of(request.user, ASK).endpoints(Endpoint.objects.filter(revoked_at=None))
    if wanted:
        endpoints = endpoints.filter(host_name__icontains=wanted)
    with client() as connection:
        online = all_online_ids(connection, now=timezone.now().timestamp())
    found: list[dict[str, str]] = []
    rows = endpoints.order_by("host_name", "pk").values_list("pk", "host_name", "os")
    for pk, host_name, system in rows.iterator(chunk_size=_LOOKED_AT_ONCE):
        if pk in online:
            found.append({"id": str(pk), "name": host_name, "os": system})
        if len(found) == ENDPOINTS_OFFERED:
            break
    return {"endpoints": found, "more": len(found) == ENDPOINTS_OFFERED}


@require_safe
@json_view(ASK)
def show_outcome(request: HttpRequest, question_id: UUID) -> dict[str, Any]:
    """Tell how a test run is: its state, its rows, why it failed, how long it worked."""
    question, reach = _test(request, question_id)
    target = QuestionTarget.objects.select_related("endpoint").get(question=question)
    now = timezone.now()
    rows = rows_by_endpoint(question, reach, limit=ROWS_SHOWN)
    return {
        "state": target.state,
        "is_over": target.state != State.WAITING or question.expires_at <= now,
        "endpoint": target.endpoint.host_name,
        "reason": _reason(question, target, reach),
        "columns": [each["name"] for each in question.columns],
        "rows": [[row.count, list(row.values)] for row in rows],
        "total": target.rows,
        "cut": target.cut,
        "took": target.took / 1_000_000,
        "waited": (now - question.asked_at).total_seconds(),
    }


@require_POST
@json_view(ASK)
def stop_trial(request: HttpRequest, question_id: UUID) -> dict[str, Any]:
    """Stop waiting for a test run. What the endpoint began ends by its time-out."""
    question, _ = _test(request, question_id)
    cancel(question, actor=actor_of(request), now=timezone.now())
    return {}


# ---------------------------------------------------------------------- inside


def _test(request: HttpRequest, question_id: UUID) -> tuple[Question, Reach]:
    question, reach = seen_by(request, question_id)
    if question.source != Question.Source.TEST or question.asked_by_id != request.user.pk:
        raise NotFound("There is no such test run.")
    return question, reach


def _reason(question: Question, target: QuestionTarget, reach: Reach) -> str:
    if target.state == State.WAITING:
        waiting = unanswered(question, reach, limit=1)
        return waiting[0].reason if waiting else ""
    return target.reason
