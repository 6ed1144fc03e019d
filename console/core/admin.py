"""What all pages of the admin share: an admin that only shows, and states in words and shape."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin

from console.core.paging import BoundedPaginator


class ReadOnlyAdmin(ModelAdmin):  # type: ignore[misc]  # Unfold ships no types
    """Lists and shows rows that services write; nothing can be typed over here."""

    actions: Sequence[str] | None = None
    show_full_result_count = False
    paginator = BoundedPaginator
    # What the head of the pages calls these rows; empty for the model's own name.
    list_title = ""
    # What an empty list says to do next, and what its button adds.
    empty_title = ""
    empty_text = ""
    add_title = ""

    def has_view_permission(self, request: HttpRequest, obj: Any | None = None) -> bool:
        """Ask for the permission to view; Django would take the one to change for it, too."""
        return request.user.has_perm(f"{self.opts.app_label}.view_{self.opts.model_name}")

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Refuse: rows come from services."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any | None = None) -> bool:
        """Refuse: rows are changed by services."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any | None = None) -> bool:
        """Refuse: rows are kept."""
        return False


def page_in_shell(
    request: HttpRequest, template: str, context: Mapping[str, Any]
) -> TemplateResponse:
    """Show one of our own templates with what the admin's frame needs: navigation, head, styles."""
    return TemplateResponse(request, template, {**admin.site.each_context(request), **context})


def state_label(text: str, tone: str = "") -> SafeString:
    """Show a state as a word with a shape; `tone` is empty, `good`, `warn` or `alarm`."""
    return format_html('<span class="v-state {}">{}</span>', f"is-{tone}" if tone else "", text)
