"""The pages of saved questions: the list, one with the history of its answers, and its form."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import Max, OuterRef, QuerySet, Subquery
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from console.access.content import content_sets_of, may_use
from console.access.models import User
from console.core.admin import page_in_shell
from console.core.exceptions import VedetteError
from console.core.instants import how_far_away, how_long_ago
from console.core.requests import actor_of
from console.endpoints.models import ComputerGroup
from console.questions.browser_json import user_of
from console.questions.forms import SavedQuestionForm, initial_for, initial_of, interval_text
from console.questions.models import SavedQuestion
from console.questions.narrowing import groups_seen, groups_to_save
from console.questions.saved import (
    WRITE,
    ask_saved_question,
    change_saved_question,
    delete_saved_question,
    save_question,
    saved_questions_for,
)
from console.questions.selectors import visible_questions
from console.questions.services import ASK
from console.questions.views import LONGEST_CARRIED, lifetime_in, narrowing_in, recent_rows

ANSWERS_SHOWN: Final = 50
SAVED_SHOWN: Final = 500
WIDENS: Final = (
    "The question was for chosen endpoints, or for groups that you may not ask. A saved one is "
    "for the computer groups that are chosen here, or for everybody."
)


@require_safe
def list_saved(request: HttpRequest) -> HttpResponse:
    """Show the saved questions that the user may read; `?q=` leaves those that match."""
    wanted = request.GET.get("q", "").strip()[:200]
    found = _with_last_asked(saved_questions_for(user_of(request)), request)
    if wanted:
        found = found.filter(name__icontains=wanted) | found.filter(text__icontains=wanted)
    now = timezone.now()
    context = {
        "title": "Saved questions",
        "rows": [
            _row(saved, user_of(request), now) for saved in found.order_by("name")[:SAVED_SHOWN]
        ],
        "query": wanted,
        "may_save": content_sets_of(user_of(request), WRITE).exists(),
        "may_ask": request.user.has_perm(ASK),
    }
    return page_in_shell(request, "questions/saved_list.html", context)


@require_safe
def show_saved(request: HttpRequest, saved_id: int) -> HttpResponse:
    """Show a saved question, when it is asked, and what was answered every time."""
    saved = _saved(request, saved_id)
    now = timezone.now()
    asked = visible_questions(user_of(request)).filter(saved=saved)
    asked = asked.select_related("asked_by").prefetch_related("groups")
    questions = list(asked.defer("request", "envelope")[:ANSWERS_SHOWN])
    context = {
        "title": saved.name,
        "row": _row(saved, user_of(request), now),
        "saved": saved,
        "answers": recent_rows(user_of(request), questions, now),
        "may_change": may_use(user_of(request), WRITE, saved.content_set),
        "may_ask": request.user.has_perm(ASK),
    }
    return page_in_shell(request, "questions/saved.html", context)


def add_saved(request: HttpRequest) -> HttpResponse:
    """Keep a question; `?text=` is the one to keep, `?like=` the id of one for the same groups.

    Who may write to no content set is told so.
    """
    text = request.GET.get("text", "")[:LONGEST_CARRIED]
    groups = _groups_carried(request)
    initial = initial_for(text, lifetime=lifetime_in(request), groups=groups)
    form = SavedQuestionForm(request.POST or None, initial=initial, user=user_of(request))
    if request.method == "POST" and form.is_valid():
        saved = _store(request, form, None)
        if saved is not None:
            messages.success(request, f"“{saved.name}” was saved.")
            return HttpResponseRedirect(reverse("saved-question", args=[saved.pk]))
    return _form_page(request, form, None)


def change_saved(request: HttpRequest, saved_id: int) -> HttpResponse:
    """Change a saved question; whoever does becomes its owner."""
    saved = _changeable(request, saved_id)
    form = SavedQuestionForm(request.POST or None, initial=initial_of(saved), user=user_of(request))
    if request.method == "POST" and form.is_valid() and _store(request, form, saved) is not None:
        messages.success(request, f"“{saved.name}” was saved.")
        return HttpResponseRedirect(reverse("saved-question", args=[saved.pk]))
    return _form_page(request, form, saved)


@require_POST
def delete_saved(request: HttpRequest, saved_id: int) -> HttpResponse:
    """Delete a saved question; the page has asked before. What was asked stays."""
    saved = _changeable(request, saved_id)
    name = saved.name
    delete_saved_question(saved, user=user_of(request), actor=actor_of(request), now=timezone.now())
    messages.success(request, f"“{name}” was deleted. Its answers stay until they are too old.")
    return HttpResponseRedirect(reverse("saved-questions"))


@require_POST
def ask_saved(request: HttpRequest, saved_id: int) -> HttpResponse:
    """Ask it now and lead to the answers."""
    saved = _saved(request, saved_id)
    if not request.user.has_perm(ASK):
        raise PermissionDenied
    try:
        question = ask_saved_question(
            saved, user=user_of(request), actor=actor_of(request), now=timezone.now()
        )
    except VedetteError as refusal:
        messages.error(request, refusal.detail)
        return HttpResponseRedirect(reverse("saved-question", args=[saved.pk]))
    return HttpResponseRedirect(reverse("question", args=[question.pk]))


# ---------------------------------------------------------------------- inside


def _groups_carried(request: HttpRequest) -> list[ComputerGroup]:
    narrowing = narrowing_in(request)
    if narrowing is None:
        return []
    try:
        groups, widens = groups_to_save(narrowing, user=user_of(request))
    except VedetteError as refusal:
        raise Http404(refusal.detail) from refusal
    if widens and request.method == "GET":
        messages.warning(request, WIDENS)
    return groups


def _saved(request: HttpRequest, saved_id: int) -> SavedQuestion:
    found = _with_last_asked(saved_questions_for(user_of(request)), request)
    saved = found.filter(pk=saved_id).first()
    if saved is None:
        raise Http404("There is no such saved question.")
    return saved


def _changeable(request: HttpRequest, saved_id: int) -> SavedQuestion:
    saved = _saved(request, saved_id)
    if not may_use(user_of(request), WRITE, saved.content_set):
        raise PermissionDenied
    return saved


def _with_last_asked(
    questions: QuerySet[SavedQuestion], request: HttpRequest
) -> QuerySet[SavedQuestion]:
    # Of the answers that this user may see: when others asked may be none of their business.
    visible = visible_questions(user_of(request)).filter(saved=OuterRef("pk")).order_by()
    last = visible.values("saved").annotate(last=Max("asked_at")).values("last")
    return (
        questions.select_related("owner", "content_set")
        .prefetch_related("groups")
        .annotate(last_asked=Subquery(last))
    )


def _row(saved: SavedQuestion, user: User, now: datetime) -> dict[str, Any]:
    last: datetime | None = getattr(saved, "last_asked", None)
    return {
        "saved": saved,
        "groups": groups_seen(user, saved.groups.all()),
        "every": interval_text(saved.interval),
        "last": last,
        "last_ago": how_long_ago(last, now=now) if last else "",
        "next_in": how_far_away(saved.next_at, now=now) if saved.next_at else "",
        "is_due": saved.next_at is not None and saved.next_at <= now,
    }


def _store(
    request: HttpRequest, form: SavedQuestionForm, saved: SavedQuestion | None
) -> SavedQuestion | None:
    terms: dict[str, Any] = {
        "user": user_of(request),
        "actor": actor_of(request),
        "now": timezone.now(),
    }
    try:
        if saved is None:
            return save_question(form.fields_to_save(), **terms)
        return change_saved_question(saved, form.fields_to_save(), **terms)
    except VedetteError as refusal:
        for name, reasons in refusal.errors.items():
            field = "every" if name == "interval" else name
            form.add_error(field if field in form.fields else None, reasons)
        if not refusal.errors:
            form.add_error(None, refusal.detail)
    return None


def _form_page(
    request: HttpRequest, form: SavedQuestionForm, saved: SavedQuestion | None
) -> HttpResponse:
    context = {
        "title": saved.name if saved else "Save a question",
        "form": form,
        "saved": saved,
        "may_ask": request.user.has_perm(ASK),
        "may_save": content_sets_of(user_of(request), WRITE).exists(),
        "text": form["text"].value() or "",
    }
    return page_in_shell(request, "questions/saved_form.html", context)
