"""The audit log as a page: searched, filtered, never changed."""

from __future__ import annotations

import json

from django.contrib import admin
from django.utils.html import format_html
from django.utils.safestring import SafeString

from console.audit.models import AuditEvent
from console.core.admin import ReadOnlyAdmin, state_label


@admin.register(AuditEvent)
class AuditEventAdmin(ReadOnlyAdmin):
    """Who did what, when and from where."""

    list_title = "Audit log"
    empty_text = "Everything that changes something is written here, refusals included."
    list_display = ("when", "actor", "action", "subject", "result", "source_address")
    list_filter = ("outcome", "action")
    search_fields = ("actor_name", "action", "subject_name", "source_address")
    search_help_text = "Search actor, action, subject, source address"
    ordering = ("-sequence",)
    list_per_page = 100
    fields = (
        "sequence",
        "when",
        "actor",
        "source_address",
        "action",
        "result",
        "subject",
        "subject_identifier",
        "detail_text",
        "chain",
    )
    readonly_fields = fields

    @admin.display(description="When (UTC)", ordering="sequence")
    def when(self, event: AuditEvent) -> str:
        """Show the instant to the second."""
        return f"{event.happened_at:%Y-%m-%d %H:%M:%S}"

    @admin.display(description="Actor", ordering="actor_name")
    def actor(self, event: AuditEvent) -> str:
        """Show who did it."""
        return event.actor_name

    @admin.display(description="Subject id")
    def subject_identifier(self, event: AuditEvent) -> SafeString:
        """Show the identifier of what it was done to."""
        return format_html('<span class="v-mono">{}</span>', event.subject_id or "-")

    @admin.display(description="Digest")
    def chain(self, event: AuditEvent) -> SafeString:
        """Show what binds this entry to the one before it."""
        return format_html('<span class="v-mono">{}</span>', event.digest)

    @admin.display(description="Subject", ordering="subject_name")
    def subject(self, event: AuditEvent) -> SafeString:
        """Show what it was done to."""
        return format_html(
            '{} <span class="v-help">{}</span>', event.subject_name or "-", event.subject_type
        )

    @admin.display(description="Outcome", ordering="outcome")
    def result(self, event: AuditEvent) -> SafeString:
        """Show whether it was done or refused."""
        refused = event.outcome == AuditEvent.Outcome.REFUSED
        return state_label(event.get_outcome_display(), "alarm" if refused else "good")

    @admin.display(description="Detail")
    def detail_text(self, event: AuditEvent) -> SafeString:
        """Show the details as JSON."""
        text = json.dumps(event.detail, indent=2, ensure_ascii=False, sort_keys=True)
        return format_html('<code class="v-code">{}</code>', text)
