"""The pages of certificates and enrolment tokens."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from console.certificates.models import Certificate, EnrolmentToken
from console.certificates.services import revoke_enrolment_token
from console.certificates.visibility import certificates_visible_to
from console.core.admin import ReadOnlyAdmin, state_label
from console.core.exceptions import Conflict
from console.core.instants import show_instant
from console.core.requests import actor_of


@admin.register(Certificate)
class CertificateAdmin(ReadOnlyAdmin):
    """What the authority issued, and until when it holds."""

    list_display = (
        "purpose",
        "owner",
        "standing",
        "valid_from",
        "valid_until",
        "short_fingerprint",
    )
    list_filter = ("purpose", ("revoked_at", admin.EmptyFieldListFilter))
    search_fields = ("fingerprint", "serial_number", "subject_id")
    search_help_text = "Search fingerprint, serial number, endpoint id"
    ordering = ("-issued_at",)

    def get_queryset(self, request: HttpRequest) -> Any:
        """Show what the user may see."""
        return certificates_visible_to(request.user)

    @admin.display(description="Endpoint")
    def owner(self, certificate: Certificate) -> SafeString | str:
        """Lead to the endpoint, or say that it is the console's own."""
        if not certificate.subject_id:
            return "this console"
        return format_html(
            '<a class="v-link v-mono" href="{}">{}</a>',
            reverse("admin:endpoints_endpoint_change", args=[certificate.subject_id]),
            certificate.subject_id,
        )

    @admin.display(description="Valid from", ordering="not_before")
    def valid_from(self, certificate: Certificate) -> SafeString | str:
        """Show from when it holds."""
        return show_instant(certificate.not_before, now=timezone.now())

    @admin.display(description="Valid until", ordering="not_after")
    def valid_until(self, certificate: Certificate) -> SafeString | str:
        """Show until when it holds."""
        return show_instant(certificate.not_after, now=timezone.now())

    @admin.display(description="State")
    def standing(self, certificate: Certificate) -> SafeString:
        """Show whether it is valid, revoked or over."""
        if certificate.revoked_at is not None:
            return state_label("Revoked", "alarm")
        if certificate.not_after <= timezone.now():
            return state_label("Expired", "warn")
        return state_label("Valid", "good")

    @admin.display(description="SHA-256")
    def short_fingerprint(self, certificate: Certificate) -> SafeString:
        """Show the beginning of the fingerprint."""
        return format_html('<span class="v-mono">{}…</span>', certificate.fingerprint[:16])


@admin.register(EnrolmentToken)
class EnrolmentTokenAdmin(ReadOnlyAdmin):
    """Tokens are made on Endpoints > Add endpoint; here they are watched and revoked."""

    empty_title = "No enrolment token yet"
    empty_text = (
        "A computer joins this console with a token. Make one, and get its install command."
    )
    add_title = "Add endpoint"
    list_display = ("title", "standing", "uses", "expires", "created_by", "operations")
    search_fields = ("name", "created_by_name")
    search_help_text = "Search name, creator"
    ordering = ("-created_at",)
    list_display_links = None

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Adding leads to the page that also shows how to use the token."""
        return request.user.has_perm("certificates.add_enrolmenttoken")

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Lead to Endpoints > Add endpoint."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        return HttpResponseRedirect(reverse("admin:endpoints_endpoint_add"))

    def get_urls(self) -> list[URLPattern]:
        """Add the revocation of one token."""
        revoke = path(
            "<int:token_id>/revoke/",
            self.admin_site.admin_view(self.revoke_view),
            name="certificates_enrolmenttoken_revoke",
        )
        inherited: list[URLPattern] = super().get_urls()
        return [revoke, *inherited]

    def get_list_display(self, request: HttpRequest) -> tuple[str, ...]:
        """Offer operations to those only who may do them."""
        columns = tuple(self.list_display)
        if _may_revoke(request):
            return columns
        return tuple(name for name in columns if name != "operations")

    @admin.display(description="State")
    def standing(self, token: EnrolmentToken) -> SafeString:
        """Show whether a computer can still join with it."""
        if token.revoked_at is not None:
            return state_label("Revoked", "alarm")
        if token.expires_at <= timezone.now():
            return state_label("Expired")
        if token.uses_left == 0:
            return state_label("Used up")
        return state_label("Open", "good")

    @admin.display(description="Name", ordering="name")
    def title(self, token: EnrolmentToken) -> SafeString:
        """Show what the token is for."""
        return format_html('<span class="v-strong">{}</span>', token.name)

    @admin.display(description="Expires", ordering="expires_at")
    def expires(self, token: EnrolmentToken) -> SafeString | str:
        """Show until when it can be used."""
        return show_instant(token.expires_at, now=timezone.now())

    @admin.display(description="Created by", ordering="created_by_name")
    def created_by(self, token: EnrolmentToken) -> str:
        """Show who made it."""
        return token.created_by_name

    @admin.display(description="Uses")
    def uses(self, token: EnrolmentToken) -> str:
        """Show how often it was used."""
        return f"{token.uses_allowed - token.uses_left:,} of {token.uses_allowed:,}"

    @admin.display(description="")
    def operations(self, token: EnrolmentToken) -> SafeString | str:
        """Offer to revoke a token that is still open."""
        if token.revoked_at or token.uses_left == 0 or token.expires_at <= timezone.now():
            return ""
        url = reverse("admin:certificates_enrolmenttoken_revoke", args=[token.pk])
        return format_html(
            '<button class="v-button is-danger" formmethod="post" formaction="{}" '
            'formnovalidate data-confirm="{}">Revoke …</button>',
            url,
            f"Revoke the token “{token.name}”? No further computer can join with it.",
        )

    def revoke_view(self, request: HttpRequest, token_id: int) -> HttpResponse:
        """Revoke one token."""
        if request.method != "POST" or not _may_revoke(request):
            raise PermissionDenied
        token = self.get_object(request, str(token_id))
        if token is not None:
            try:
                revoke_enrolment_token(token, actor=actor_of(request), now=timezone.now())
            except Conflict as refusal:
                messages.error(request, refusal.detail)
            else:
                messages.success(request, f"Token “{token.name}” was revoked.")
        return HttpResponseRedirect(reverse("admin:certificates_enrolmenttoken_changelist"))


def _may_revoke(request: HttpRequest) -> bool:
    return request.user.has_perm("certificates.revoke_enrolmenttoken")
