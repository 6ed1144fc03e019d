"""The pages of content sets: which there are, what lies in them, whose roles may use them.

Only administrators see them: a content set decides what roles may do.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any, Final

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from console.access.catalogue import seeded_content_sets
from console.access.content_sets import (
    change_content_set,
    create_content_set,
    delete_content_set,
)
from console.access.models import ContentSet, ContentSetGrant, User
from console.core.admin import page_in_shell
from console.core.exceptions import VedetteError
from console.core.requests import actor_of
from console.questions.browser_json import user_of
from console.questions.models import SavedQuestion, Sensor
from console.questions.placing import move_sensor

_LONGEST_NUMBER: Final = 18


class ContentSetForm(forms.Form):
    """The name of a content set, and what it is for."""

    name = forms.CharField(
        max_length=128,
        widget=forms.TextInput(attrs={"class": "v-input", "autocomplete": "off"}),
    )
    description = forms.CharField(
        required=False,
        max_length=2000,
        widget=forms.Textarea(attrs={"class": "v-input", "rows": 2}),
    )


@require_safe
def list_content_sets(request: HttpRequest) -> HttpResponse:
    """Show the content sets, with how much lies in each and how many roles use it."""
    _require_administrator(request)
    context = {
        "title": "Content sets",
        "rows": [_line(each) for each in _counted()],
    }
    return page_in_shell(request, "questions/sensors/content_sets.html", context)


def add_content_set(request: HttpRequest) -> HttpResponse:
    """Make a content set."""
    _require_administrator(request)
    form = ContentSetForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            made = create_content_set(
                name=form.cleaned_data["name"],
                description=form.cleaned_data["description"],
                actor=actor_of(request),
                now=timezone.now(),
            )
        except VedetteError as refusal:
            _explain(form, refusal)
        else:
            messages.success(
                request, f"“{made.name}” is there. No role uses it yet: say in Roles which may."
            )
            return HttpResponseRedirect(reverse("content-set", args=[made.pk]))
    context = {"title": "New content set", "form": form}
    return page_in_shell(request, "questions/sensors/content_set_add.html", context)


def show_content_set(request: HttpRequest, content_set_id: int) -> HttpResponse:
    """Show what lies in a content set and who may use it; a POST renames and describes it."""
    _require_administrator(request)
    content_set = _found(content_set_id)
    name = content_set.name
    form = ContentSetForm(
        request.POST or None, initial={"name": name, "description": content_set.description}
    )
    if request.method == "POST" and form.is_valid():
        try:
            change_content_set(
                content_set,
                name=form.cleaned_data["name"],
                description=form.cleaned_data["description"],
                actor=actor_of(request),
                now=timezone.now(),
            )
        except VedetteError as refusal:
            _explain(form, refusal)
        else:
            messages.success(request, f"“{content_set.name}” was saved.")
            return HttpResponseRedirect(reverse("content-set", args=[content_set.pk]))
    context = {
        "title": name,
        "content_set": content_set,
        **_line(_counted().get(pk=content_set.pk)),
        "form": form,
        "sensors": Sensor.objects.filter(content_set=content_set),
        "saved_questions": SavedQuestion.objects.filter(content_set=content_set),
        "roles": _roles_using(content_set),
    }
    return page_in_shell(request, "questions/sensors/content_set.html", context)


@require_POST
def remove_content_set(request: HttpRequest, content_set_id: int) -> HttpResponse:
    """Delete an empty content set; the page has asked before."""
    _require_administrator(request)
    content_set = _found(content_set_id)
    name = content_set.name
    try:
        delete_content_set(content_set, actor=actor_of(request), now=timezone.now())
    except VedetteError as refusal:
        messages.error(request, refusal.detail)
        return HttpResponseRedirect(reverse("content-set", args=[content_set_id]))
    messages.success(request, f"“{name}” was deleted.")
    return HttpResponseRedirect(reverse("content-sets"))


@require_POST
def place_sensor(request: HttpRequest, sensor_id: int) -> HttpResponse:
    """Put a sensor into another content set."""
    _require_administrator(request)
    sensor = Sensor.objects.filter(pk=sensor_id).first()
    if sensor is None:
        raise Http404("There is no such sensor.")
    number = request.POST.get("content_set", "")
    is_number = number.isascii() and number.isdigit() and len(number) <= _LONGEST_NUMBER
    content_set = _found(int(number) if is_number else 0)
    move_sensor(
        sensor,
        content_set,
        user=user_of(request),
        actor=actor_of(request),
        now=timezone.now(),
    )
    messages.success(request, f"“{sensor.name}” lies in “{content_set.name}” now.")
    return HttpResponseRedirect(reverse("sensor", args=[sensor.pk]))


# ---------------------------------------------------------------------- inside


def _require_administrator(request: HttpRequest) -> None:
    user = request.user
    if not isinstance(user, User) or not (user.is_superuser and user.is_active):
        raise PermissionDenied


def _found(content_set_id: int) -> ContentSet:
    content_set = ContentSet.objects.filter(pk=content_set_id).first()
    if content_set is None:
        raise Http404("There is no such content set.")
    return content_set


def _counted() -> QuerySet[ContentSet]:
    return ContentSet.objects.annotate(
        sensor_count=Count("sensors", distinct=True),
        question_count=Count("saved_questions", distinct=True),
        role_count=Count("contentsetgrant__group", distinct=True),
    ).order_by("name")


def _line(counted: Any) -> dict[str, Any]:
    is_seeded = counted.name in {seed.name for seed in seeded_content_sets()}
    held = counted.sensor_count + counted.question_count
    return {
        "set": counted,
        "is_seeded": is_seeded,
        "is_empty": held == 0,
        "may_delete": held == 0 and not is_seeded,
    }


def _roles_using(content_set: ContentSet) -> list[tuple[int, str, list[str]]]:
    """List the roles that may do anything with it: number, name, what."""
    held: dict[tuple[int, str], list[str]] = defaultdict(list)
    grants = ContentSetGrant.objects.filter(content_object=content_set)
    rows = grants.values_list("group", "group__name", "permission__name")
    for number, name, permission in rows.order_by("group__name", "permission__name"):
        held[number, name].append(permission)
    return [(number, name, what) for (number, name), what in held.items()]


def _explain(form: ContentSetForm, refusal: VedetteError) -> None:
    for name, reasons in refusal.errors.items():
        form.add_error(name if name in form.fields else None, reasons)
    if not refusal.errors:
        form.add_error(None, refusal.detail)
