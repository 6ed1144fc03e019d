"""The pages of intel: the list and the Signal editor.

`threatresponse.deployment.admin` adds what brings a document to endpoints, and registers it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from console.core.admin import ReadOnlyAdmin, page_in_shell, state_label
from console.core.exceptions import VedetteError
from console.core.instants import show_instant
from console.core.requests import actor_of
from detection.signals.coverage import warnings_about
from detection.signals.expression import Condition
from detection.signals.parser import parse_expression
from detection.signals.properties import PROPERTIES
from threatresponse.intel.forms import SignalForm, initial_of
from threatresponse.intel.models import IntelDocument
from threatresponse.intel.selectors import intel_visible_to
from threatresponse.intel.services import create_intel, delete_intel, update_intel

STARTING_PLATFORM: Final = {"platforms": ["linux"]}


class IntelDocumentAdmin(ReadOnlyAdmin):
    """Signals: written here, checked by the language's own parser, changed through services."""

    list_title = "Intel"
    empty_title = "No Signal yet"
    empty_text = (
        "A Signal is a rule that every endpoint evaluates on every event, also while it is offline."
    )
    add_title = "Add Signal"
    list_display = ("title", "systems", "technique_ids", "standing", "changed")
    search_fields = ("name", "description", "definition")
    search_help_text = "Search name, description, definition"
    list_filter = ("is_deployed",)
    ordering = ("name",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Whoever may write intel."""
        return request.user.has_perm("intel.add_inteldocument")

    def has_delete_permission(self, request: HttpRequest, obj: Any | None = None) -> bool:
        """Whoever may delete intel, one document at a time."""
        return request.user.has_perm("intel.delete_inteldocument")

    def get_queryset(self, request: HttpRequest) -> Any:
        """Show what the user may see."""
        return intel_visible_to(request.user)

    # ------------------------------------------------------------ columns

    @admin.display(description="Name", ordering="name")
    def title(self, document: IntelDocument) -> SafeString:
        """Show the name and the beginning of the definition."""
        return format_html(
            '<span class="v-strong">{}</span><br><span class="v-help v-mono">{}</span>',
            document.name,
            document.definition[:90] + ("…" if len(document.definition) > 90 else ""),
        )

    @admin.display(description="Operating systems")
    def systems(self, document: IntelDocument) -> str:
        """Show the operating systems that evaluate it."""
        return ", ".join(document.platforms)

    @admin.display(description="Techniques")
    def technique_ids(self, document: IntelDocument) -> SafeString:
        """Show the ATT&CK ids."""
        return format_html_join(
            " ", '<span class="v-chip">{}</span>', ((name,) for name in document.techniques)
        )

    @admin.display(description="State")
    def standing(self, document: IntelDocument) -> SafeString:
        """Show whether endpoints have it, and in its present form."""
        if not document.is_deployed:
            return state_label("Not deployed")
        if document.deployed_revision != document.revision:
            return state_label("Outdated", "warn")
        return state_label("Deployed", "good")

    @admin.display(description="Changed", ordering="changed_at")
    def changed(self, document: IntelDocument) -> SafeString | str:
        """Show when its text was changed last."""
        return show_instant(document.changed_at, now=timezone.now())

    # ------------------------------------------------------------ pages

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Write a new Signal."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = SignalForm(request.POST or None, initial=STARTING_PLATFORM)
        if request.method == "POST" and form.is_valid():
            document = self._store(request, form, None)
            if document is not None:
                return self.after_save(request, document)
        return self._editor(request, form, None)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Show a Signal, and change it."""
        document = self.document(request, object_id)
        form = SignalForm(request.POST or None, initial=initial_of(document))
        if request.method == "POST":
            if not request.user.has_perm("intel.change_inteldocument"):
                raise PermissionDenied
            if form.is_valid():
                changed = self._store(request, form, document)
                if changed is not None:
                    return self.after_save(request, changed)
        return self._editor(request, form, document)

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: Any = None
    ) -> HttpResponse:
        """Ask, then delete through the service, which refuses what is still deployed."""
        if not self.has_delete_permission(request):
            raise PermissionDenied
        document = self.document(request, object_id)
        if request.method == "POST":
            try:
                delete_intel(document, actor=actor_of(request), now=timezone.now())
            except VedetteError as refusal:
                messages.error(request, refusal.detail)
                return self.to_document(document)
            messages.success(request, f"“{document.name}” was deleted.")
            return HttpResponseRedirect(reverse("admin:intel_inteldocument_changelist"))
        context = {"title": f"Delete {document.name}", "document": document, "opts": self.opts}
        return page_in_shell(request, "intel/delete.html", context)

    # ------------------------------------------------------------ for subclasses

    def after_save(self, request: HttpRequest, document: IntelDocument) -> HttpResponse:
        """Say that it was saved and show it."""
        messages.success(request, f"“{document.name}” was saved.")
        return self.to_document(document)

    def editor_context(
        self, request: HttpRequest, document: IntelDocument | None
    ) -> dict[str, Any]:
        """Return what the editor's page shows besides the form."""
        return {}

    def document(self, request: HttpRequest, object_id: str) -> IntelDocument:
        """Return one document that the user may see. Raises Http404."""
        try:
            return intel_visible_to(request.user).get(pk=UUID(object_id))
        except (ValueError, IntelDocument.DoesNotExist) as error:
            raise Http404("There is no such document.") from error

    def to_document(self, document: IntelDocument) -> HttpResponse:
        """Lead to the page of a document."""
        return HttpResponseRedirect(reverse("admin:intel_inteldocument_change", args=[document.pk]))

    # ------------------------------------------------------------ own

    def _store(
        self, request: HttpRequest, form: SignalForm, document: IntelDocument | None
    ) -> IntelDocument | None:
        actor, now = actor_of(request), timezone.now()
        try:
            if document is None:
                saved = create_intel(form.draft(), actor=actor, now=now)
            else:
                read_at = _instant(request.POST.get("read_at", ""))
                saved = update_intel(document, form.draft(), actor=actor, now=now, read_at=read_at)
        except VedetteError as refusal:
            for name, reasons in refusal.errors.items():
                form.add_error(name if name in form.fields else None, reasons)
            if not refusal.errors:
                form.add_error(None, refusal.detail)
            return None
        for warning in warnings_about(parse_expression(saved.definition), saved.platforms):
            messages.warning(request, warning)
        return saved

    def _editor(
        self, request: HttpRequest, form: SignalForm, document: IntelDocument | None
    ) -> HttpResponse:
        context = {
            "title": document.name if document else "New Signal",
            "document": document,
            "form": form,
            "opts": self.opts,
            "properties": list(PROPERTIES.values()),
            "property_names": list(PROPERTIES),
            "conditions": [condition.value for condition in Condition],
            "may_delete": self.has_delete_permission(request),
            **self.editor_context(request, document),
        }
        return page_in_shell(request, "intel/editor.html", context)


def _instant(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None
