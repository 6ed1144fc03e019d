"""The pages of questions: ask one, and look at what came back."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import urlencode
from uuid import UUID

import msgspec
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.templatetags.static import static
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from console.access.content import content_sets_of
from console.access.models import User
from console.core.admin import page_in_shell
from console.core.exceptions import InvalidInput, NotFound, VedetteError
from console.core.instants import how_far_away, how_long_ago
from console.core.requests import actor_of
from console.endpoints.selectors import endpoint_visible_to
from console.modules import endpoint_operations
from console.questions.browser_answers import progress_json, seen_by
from console.questions.browser_json import body_of, json_view, user_of
from console.questions.catalogue import definitions_for
from console.questions.forms import lifetimes_with
from console.questions.grid import columns_of
from console.questions.job_links import job_links
from console.questions.models import Question, SavedQuestion
from console.questions.narrowing import (
    Narrowed,
    Narrowing,
    describe_narrowing,
    groups_seen,
    narrowed_terms,
)
from console.questions.saved import WRITE, saved_questions_for
from console.questions.selectors import VIEW, may_cancel, reaches_all, visible_questions
from console.questions.services import (
    ASK,
    DEFAULT_LIFETIME,
    LONGEST_LIFETIME,
    SHORTEST_LIFETIME,
    Terms,
    ask,
    cancel,
)
from console.questions.standings import comparable_with, standings_of
from sensors.conditions import OPERATORS, operators_for
from sensors.definitions import Column, ValueType
from sensors.language.spelling import spell_value

# The text that an address carries to the page; a longer one would not fit into an address.
LONGEST_CARRIED: Final = 4000
RECENT: Final = 12
SAVED: Final = 8
EARLIER: Final = 50
_SHORTEST: Final = int(SHORTEST_LIFETIME.total_seconds())
_LONGEST: Final = int(LONGEST_LIFETIME.total_seconds())

EXAMPLES: Final = (
    "computer.name",
    "process.running",
    "network.listening",
    "accounts.logged_in",
    "software.exists",
    "persistence.autoruns",
)


class _Asked(msgspec.Struct):
    text: str
    lifetime: int = int(DEFAULT_LIFETIME.total_seconds())
    like: Narrowing | None = None


_asked: Final = msgspec.json.Decoder(_Asked)


@require_safe
def show_ask_page(request: HttpRequest) -> HttpResponse:
    """Show the input of a question, and what was asked before; `?part=recent` only the latter.

    `?text=` fills the input, `?choose=1` marks its first sensor to be replaced. `?like=` is the id
    of a question to whose endpoints it goes; with `?row=` and `?by=` those that gave a row there,
    with `?unanswered=1` those that did not answer it in full.
    """
    now = timezone.now()
    context = {"recent": _recent(user_of(request), now), "may_ask": request.user.has_perm(ASK)}
    if request.GET.get("part") == "recent":
        return TemplateResponse(request, "questions/recent.html", context)
    narrowing = narrowing_in(request)
    narrowed = _described(request, narrowing)
    context |= {
        "title": "Questions",
        "narrowed": narrowed,
        "like": msgspec.json.encode(narrowing).decode() if narrowing and narrowed else "",
        "saved": saved_questions_for(user_of(request))[:SAVED],
        "saved_count": saved_questions_for(user_of(request)).count(),
        "may_save": content_sets_of(user_of(request), WRITE).exists(),
        "examples": _examples(user_of(request)) if context["may_ask"] else [],
        "lifetimes": lifetimes_with(lifetime_in(request)),
        "lifetime": lifetime_in(request),
        "text": request.GET.get("text", "")[:LONGEST_CARRIED],
    }
    return page_in_shell(request, "questions/ask.html", context)


@require_POST
@json_view(ASK)
def ask_question(request: HttpRequest) -> dict[str, Any]:
    """Ask, and say where the answers appear."""
    asked = body_of(request, _asked)
    terms = Terms(lifetime=timedelta(seconds=_bounded(asked.lifetime)))
    if asked.like is not None:
        terms = narrowed_terms(terms, asked.like, user=user_of(request))
    question = ask(
        asked.text,
        user=user_of(request),
        actor=actor_of(request),
        now=timezone.now(),
        terms=terms,
    )
    return {"id": str(question.pk), "url": reverse("question", args=[question.pk])}


@require_POST
def ask_endpoint(request: HttpRequest, endpoint_id: UUID) -> HttpResponse:
    """Lead to the input, filled with a question about one endpoint."""
    try:
        endpoint = endpoint_visible_to(user_of(request), endpoint_id, permission=ASK)
    except NotFound as error:
        raise Http404(error.detail) from error
    name = spell_value(endpoint.host_name)
    text = f"Get Computer Name from machines with Computer Name is {name}"
    return HttpResponseRedirect(f"{reverse('questions')}?{urlencode({'text': text, 'choose': 1})}")


@require_safe
def show_question(request: HttpRequest, question_id: UUID) -> HttpResponse:
    """Show a question and its answers."""
    question, reach = _found(request, question_id)
    now = timezone.now()
    may_ask = request.user.has_perm(ASK)
    progress = progress_json(question, reach, now=now)
    earlier = list(comparable_with(user_of(request), question)[:EARLIER])
    seconds = int((question.expires_at - question.asked_at).total_seconds())
    carried = {"text": question.text, "like": str(question.pk), "lifetime": seconds}
    context = {
        "title": "Question",
        "question": question,
        "asked": how_long_ago(question.asked_at, now=now),
        "may_ask": may_ask,
        "may_cancel": progress["is_open"] and may_cancel(user_of(request), question),
        "may_save": content_sets_of(user_of(request), WRITE).exists(),
        "groups": groups_seen(user_of(request), question.groups.all()),
        "edit_url": f"{reverse('questions')}?{urlencode(carried)}",
        "save_url": f"{reverse('saved-question-add')}?{urlencode(carried)}",
        "earlier": [(each, how_long_ago(each.asked_at, now=now)) for each in earlier],
        "page": {
            "id": str(question.pk),
            "url": reverse("question", args=[question.pk]),
            "text": question.text,
            "lifetime": seconds,
            "columns": [_column(each) for each in columns_of(question)],
            "progress": progress,
            "may_ask": may_ask,
            # Of a question that is seen in part there are no news: its page looks by itself.
            "listens": (may_ask or request.user.has_perm(VIEW)) and reaches_all(question, reach),
            "charts_url": static("vendor/echarts.min.js"),
            "ask_url": reverse("questions"),
            "build_url": reverse("question-build"),
            "jobs": job_links(question, definitions_for(user_of(request))) if may_ask else [],
            "operations": _operations(user_of(request)),
            "shows_endpoints": request.user.has_perm("endpoints.view_endpoint"),
            "without_value": [each.name for each in OPERATORS.values() if not each.takes_value],
            "exports_url": f"/api/v1/questions/{question.pk}/exports/",
        },
    }
    return page_in_shell(request, "questions/question.html", context)


@require_POST
def cancel_question(request: HttpRequest, question_id: UUID) -> HttpResponse:
    """End a question before its time and lead back to it."""
    question, _ = _found(request, question_id)
    if not may_cancel(user_of(request), question):
        raise PermissionDenied
    try:
        cancel(question, actor=actor_of(request), now=timezone.now())
    except VedetteError as refusal:
        messages.error(request, refusal.detail)
    return HttpResponseRedirect(reverse("question", args=[question.pk]))


@require_POST
def ask_again(request: HttpRequest, question_id: UUID) -> HttpResponse:
    """Ask the same once more, with the rights of whoever does, and lead to the new answers."""
    question, _ = _found(request, question_id)
    if not request.user.has_perm(ASK):
        raise PermissionDenied
    terms = Terms(
        lifetime=question.expires_at - question.asked_at,
        saved=_saved_of(user_of(request), question),
    )
    like = Narrowing(question=question.pk)
    try:
        again = ask(
            question.text,
            user=user_of(request),
            actor=actor_of(request),
            now=timezone.now(),
            terms=narrowed_terms(terms, like, user=user_of(request)),
        )
    except VedetteError as refusal:
        messages.error(request, refusal.detail)
        again = question
    return HttpResponseRedirect(reverse("question", args=[again.pk]))


def recent_rows(user: User, questions: list[Question], now: datetime) -> list[dict[str, Any]]:
    """Describe questions for a list: how far they are, when, by whom."""
    standings = standings_of(user, questions)
    return [
        {
            "question": question,
            "standing": standings[question.pk],
            "groups": groups_seen(user, question.groups.all()),
            "is_open": question.ended_at is None and question.expires_at > now,
            "ago": how_long_ago(question.asked_at, now=now),
            "ends": how_far_away(question.expires_at, now=now),
            "is_own": question.asked_by_id == user.pk,
        }
        for question in questions
    ]


# ---------------------------------------------------------------------- inside


def _recent(user: User, now: datetime) -> list[dict[str, Any]]:
    questions = (
        visible_questions(user)
        .select_related("asked_by", "saved")
        .prefetch_related("groups")
        .defer("request", "envelope")
    )
    return recent_rows(user, list(questions[:RECENT]), now)


def _examples(user: User) -> list[str]:
    """Choose questions to begin with, of the sensors that this user may use."""
    sensors = definitions_for(user)
    by_key = {sensor.key: sensor for sensor in sensors}
    chosen = [by_key[key].example for key in EXAMPLES if key in by_key]
    others = [each.example for each in sensors if each.example and each.example not in chosen]
    return [*chosen, *others][:6]


def _found(request: HttpRequest, question_id: UUID) -> Any:
    try:
        return seen_by(request, question_id)
    except NotFound as error:
        raise Http404(error.detail) from error


def _saved_of(user: User, question: Question) -> SavedQuestion | None:
    if question.saved_id is None:
        return None
    return saved_questions_for(user).filter(pk=question.saved_id, text=question.text).first()


def _column(column: Any) -> dict[str, Any]:
    return {
        "label": column.label,
        "name": column.name,
        "sensor": column.sensor,
        "type": column.type.value,
        "operators": list(operators_for([Column("", ValueType(column.type))])),
    }


def _operations(user: User) -> list[dict[str, Any]]:
    """List what may be done with one endpoint from here, with an address that lacks its id."""
    nobody = UUID(int=0)
    return [
        {
            "title": operation.title,
            "icon": operation.icon,
            "url": reverse(operation.url_name, args=[nobody]).replace(str(nobody), "ENDPOINT"),
        }
        for operation in endpoint_operations()
        if user.has_perm(operation.permission)
    ]


def narrowing_in(request: HttpRequest) -> Narrowing | None:
    """Read which endpoints an address is about; None for all. Raises `Http404`."""
    wished = request.GET
    if not wished.get("like"):
        return None
    try:
        return msgspec.convert(
            {
                "question": wished["like"],
                "row": wished.get("row") or None,
                "group_by": wished.getlist("by"),
                "unanswered": wished.get("unanswered") == "1",
            },
            Narrowing,
            strict=False,
        )
    except msgspec.ValidationError as error:
        raise Http404("There is no such question.") from error


def lifetime_in(request: HttpRequest) -> int:
    """Read for how many seconds a question of this address shall stay open."""
    wished = request.GET.get("lifetime", "")
    if wished.isascii() and wished.isdigit() and len(wished) <= len(str(_LONGEST)):
        return min(max(int(wished), _SHORTEST), _LONGEST)
    return int(DEFAULT_LIFETIME.total_seconds())


def _described(request: HttpRequest, narrowing: Narrowing | None) -> Narrowed | None:
    if narrowing is None:
        return None
    try:
        return describe_narrowing(narrowing, user=user_of(request))
    except VedetteError as refusal:
        # Asked without it, the question would go to everybody.
        raise Http404(refusal.detail) from refusal


def _bounded(seconds: int) -> int:
    if abs(seconds) > 366 * 86_400:
        raise InvalidInput("The question cannot stay open so long.")
    return seconds
