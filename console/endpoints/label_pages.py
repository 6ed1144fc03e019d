"""The pages of labels, and of putting them on many endpoints at once."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from console.core.admin import ReadOnlyAdmin, page_in_shell
from console.core.exceptions import InvalidInput, VedetteError
from console.core.requests import actor_of
from console.endpoints.forms import LabelForm
from console.endpoints.labels import (
    CHANGE,
    LabelDraft,
    change_label,
    create_label,
    delete_label,
    labels_visible_to,
    place_labels,
)
from console.endpoints.models import Endpoint, Label
from console.endpoints.reach import reach_of
from console.endpoints.selectors import endpoints_visible_to

# Their ids travel through the browser and back, in one field: Django takes a thousand fields.
MOST_AT_ONCE = 10_000
NAMES_SHOWN = 12


class LabelAdmin(ReadOnlyAdmin):
    """Labels are made here and put on endpoints from their list."""

    empty_title = "No label yet"
    empty_text = "A label is a word for endpoints: find them by it, and group them by it."
    add_title = "New label"
    list_display = ("title", "endpoints_in_reach")
    search_fields = ("name",)
    search_help_text = "Search name"
    ordering = ("name",)
    list_per_page = 100

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Ask for the permission to add."""
        return request.user.has_perm("endpoints.add_label")

    def get_queryset(self, request: HttpRequest) -> Any:
        """Show what the user may see."""
        return labels_visible_to(request.user)

    @admin.display(description="Label", ordering="name")
    def title(self, label: Label) -> SafeString:
        """Show the label as it stands on endpoints."""
        return label_chip(label)

    @admin.display(description="Endpoints", ordering="endpoint_count")
    def endpoints_in_reach(self, label: Label) -> SafeString:
        """Lead to the endpoints that have it."""
        address = reverse("admin:endpoints_endpoint_changelist")
        count = vars(label).get("endpoint_count", 0)
        return format_html(
            '<a class="v-link" href="{}?label={}">{}</a>', address, label.pk, f"{count:,}"
        )

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Make a label."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = LabelForm(request.POST or None)
        if request.method == "POST" and form.is_valid() and self._save(request, form, None):
            return self._to_list()
        return self._editor(request, form, None)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Rename or colour a label."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        label = self._label(request, object_id)
        if request.method != "POST":
            fields = {"name": label.name, "colour": label.colour}
            return self._editor(request, LabelForm(initial=fields), label)
        if not request.user.has_perm(CHANGE):
            raise PermissionDenied
        form = LabelForm(request.POST)
        if form.is_valid() and self._save(request, form, label):
            return self._to_list()
        return self._editor(request, form, label)

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: Any = None
    ) -> HttpResponse:
        """Ask, then delete a label."""
        if not self.has_view_permission(request) or not _may_delete(request):
            raise PermissionDenied
        label = self._label(request, object_id)
        if request.method == "POST":
            try:
                delete_label(label, actor=actor_of(request), now=timezone.now())
            except VedetteError as refusal:
                messages.error(request, refusal.detail)
            else:
                messages.success(request, f"The label “{label.name}” was deleted.")
                return self._to_list()
        context = {
            "title": f"Delete {label.name}",
            "opts": self.opts,
            "label": label,
            "count": vars(label)["endpoint_count"],
        }
        return page_in_shell(request, "endpoints/label_delete.html", context)

    def _label(self, request: HttpRequest, object_id: str) -> Label:
        try:
            label: Label = self.get_queryset(request).get(pk=int(object_id))
        except (ValueError, Label.DoesNotExist) as error:
            raise Http404("There is no such label.") from error
        return label

    def _save(self, request: HttpRequest, form: LabelForm, label: Label | None) -> bool:
        draft = LabelDraft(form.cleaned_data["name"], form.cleaned_data["colour"])
        actor, now = actor_of(request), timezone.now()
        try:
            if label is None:
                create_label(draft, actor=actor, now=now)
            else:
                change_label(label, draft, actor=actor, now=now)
        except InvalidInput as refusal:
            form.refuse(refusal)
            return False
        except VedetteError as refusal:
            form.add_error(None, refusal.detail)
            return False
        messages.success(request, f"The label “{draft.name.strip()}” was saved.")
        return True

    def _to_list(self) -> HttpResponse:
        return HttpResponseRedirect(reverse("admin:endpoints_label_changelist"))

    def _editor(self, request: HttpRequest, form: LabelForm, label: Label | None) -> HttpResponse:
        context = {
            "title": "New label" if label is None else label.name,
            "opts": self.opts,
            "form": form,
            "label": label,
            "may_change": label is None or request.user.has_perm(CHANGE),
            "may_delete": label is not None and _may_delete(request),
        }
        response = page_in_shell(request, "endpoints/label.html", context)
        if form.errors:
            response.status_code = HTTPStatus.BAD_REQUEST
        return response


def show_labelling(request: HttpRequest) -> HttpResponse:
    """Ask which labels to put on the chosen endpoints and which to take off, then do it."""
    if request.method != "POST" or not request.user.has_perm(CHANGE):
        raise PermissionDenied
    ids = _ids(request.POST.getlist("endpoints"))
    chosen = _labelable(request, endpoints_visible_to(request.user).filter(pk__in=ids))
    endpoints = _first(chosen)
    if endpoints and request.POST.get("then") == "place":
        return _place(request, endpoints)
    return _ask(request, endpoints)


def ask_for_labels(request: HttpRequest, chosen: QuerySet[Endpoint]) -> HttpResponse:
    """Ask which labels to put on these endpoints and which to take off.

    Of more than `MOST_AT_ONCE` it is asked of the first by name, and said so.
    """
    labelable = _labelable(request, chosen)
    endpoints = _first(labelable)
    left = labelable.count() - len(endpoints) if len(endpoints) == MOST_AT_ONCE else 0
    return _ask(request, endpoints, left=left)


def _labelable(request: HttpRequest, chosen: QuerySet[Endpoint]) -> QuerySet[Endpoint]:
    return reach_of(request.user, CHANGE).endpoints(chosen.filter(revoked_at=None))


def _first(labelable: QuerySet[Endpoint]) -> list[Endpoint]:
    ordered = labelable.order_by("host_name", "pk").prefetch_related("labels")
    return list(ordered[:MOST_AT_ONCE])


def _ask(request: HttpRequest, endpoints: list[Endpoint], *, left: int = 0) -> HttpResponse:
    if not endpoints:
        messages.error(request, "None of these endpoints is there for you to label.")
        return _to_endpoints()
    context = {**_choice(request, endpoints), "left": left}
    return page_in_shell(request, "endpoints/labelling.html", context)


def label_chip(label: Label) -> SafeString:
    """Show one label."""
    return format_html('<span class="v-label is-{}">{}</span>', label.colour or "none", label.name)


def label_chips(labels: list[Label]) -> SafeString:
    """Show labels one after the other."""
    return format_html_join(" ", "{}", ((label_chip(label),) for label in labels))


def _place(request: HttpRequest, endpoints: list[Endpoint]) -> HttpResponse:
    visible = {str(label.pk): label for label in labels_visible_to(request.user)}
    wanted = {pk: request.POST.get(f"label-{pk}", "") for pk in visible}
    actor, now = actor_of(request), timezone.now()
    put = [visible[pk] for pk, wish in wanted.items() if wish == "put"]
    take = [visible[pk] for pk, wish in wanted.items() if wish == "take"]
    new = request.POST.get("new", "").strip()
    try:
        if new:
            put.append(_made(request, new))
        changed = place_labels(
            [endpoint.pk for endpoint in endpoints], put=put, take=take, actor=actor, now=now
        )
    except VedetteError as refusal:
        reasons = [reason for listed in refusal.errors.values() for reason in listed]
        messages.error(request, " ".join(reasons) or refusal.detail)
        return page_in_shell(request, "endpoints/labelling.html", _choice(request, endpoints))
    messages.success(
        request, f"Labels of {changed:,} endpoint{'' if changed == 1 else 's'} changed."
    )
    return _to_endpoints()


def _made(request: HttpRequest, name: str) -> Label:
    known = labels_visible_to(request.user).filter(name__iexact=name).first()
    if known is not None:
        return known
    if not request.user.has_perm("endpoints.add_label"):
        raise InvalidInput("The labels were not changed.", errors={"new": ["No such label."]})
    return create_label(LabelDraft(name), actor=actor_of(request), now=timezone.now())


def _choice(request: HttpRequest, endpoints: list[Endpoint]) -> dict[str, Any]:
    having: dict[int, int] = {}
    for endpoint in endpoints:
        for label in endpoint.labels.all():
            having[label.pk] = having.get(label.pk, 0) + 1
    labels = [
        {
            "label": label,
            "wish": request.POST.get(f"label-{label.pk}", ""),
            "having": having.get(label.pk, 0),
        }
        for label in labels_visible_to(request.user).order_by("name")
    ]
    return {
        "title": "Label endpoints",
        "opts": Label._meta,
        "endpoints": endpoints,
        "ids": ",".join(str(endpoint.pk) for endpoint in endpoints),
        "names": [endpoint.host_name for endpoint in endpoints[:NAMES_SHOWN]],
        "more": max(len(endpoints) - NAMES_SHOWN, 0),
        "labels": labels,
        "may_add": request.user.has_perm("endpoints.add_label"),
        "new": request.POST.get("new", ""),
    }


def _to_endpoints() -> HttpResponse:
    return HttpResponseRedirect(reverse("admin:endpoints_endpoint_changelist"))


def _ids(texts: list[str]) -> list[UUID]:
    named = ",".join(texts).split(",")
    try:
        return [UUID(text) for text in named[:MOST_AT_ONCE]]
    except ValueError:
        return []


def _may_delete(request: HttpRequest) -> bool:
    return request.user.has_perm("endpoints.delete_label")
