"""The pages of intel with what brings it to endpoints: deploy, withdraw, who has it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils import timezone

from console.core.exceptions import VedetteError
from console.core.requests import actor_of
from console.endpoints.reach import reach_of
from threatresponse.deployment.selectors import (
    VIEW,
    DeploymentState,
    may_deploy,
    summarise_deployment,
)
from threatresponse.deployment.services import deploy_intel, withdraw_intel
from threatresponse.intel.admin import IntelDocumentAdmin
from threatresponse.intel.models import IntelDocument

STATE_TITLES = {
    DeploymentState.CURRENT: "Up to date",
    DeploymentState.UNDER_WAY: "Under way",
    DeploymentState.LAGGING: "Waiting",
    DeploymentState.FAILED: "Failed",
}


@admin.register(IntelDocument)
class DeployableIntelAdmin(IntelDocumentAdmin):
    """Intel that can be deployed and withdrawn."""

    def get_urls(self) -> list[URLPattern]:
        """Add the operations of one document."""
        view = self.admin_site.admin_view
        own = [
            path(
                "<uuid:document_id>/deploy/",
                view(self.deploy_view),
                name="intel_inteldocument_deploy",
            ),
            path(
                "<uuid:document_id>/withdraw/",
                view(self.withdraw_view),
                name="intel_inteldocument_withdraw",
            ),
        ]
        inherited: list[URLPattern] = super().get_urls()
        return own + inherited

    def editor_context(
        self, request: HttpRequest, document: IntelDocument | None
    ) -> dict[str, Any]:
        """Add who has the current publication."""
        context: dict[str, Any] = {"may_deploy": _may_deploy(request)}
        if document is not None and document.is_deployed:
            summary = summarise_deployment(reach_of(request.user, VIEW), now=timezone.now())
            context["summary"] = summary
            context["standing_of_endpoints"] = [
                (title, summary.endpoints.get(state, 0)) for state, title in STATE_TITLES.items()
            ]
        return context

    def after_save(self, request: HttpRequest, document: IntelDocument) -> HttpResponse:
        """Deploy at once when that was asked for."""
        if request.POST.get("then") == "deploy" and _may_deploy(request):
            return self._apply(request, document, deploy_intel, "is on its way to every endpoint")
        return super().after_save(request, document)

    def deploy_view(self, request: HttpRequest, document_id: UUID) -> HttpResponse:
        """Send the document to every endpoint."""
        document = self._writable(request, document_id)
        return self._apply(request, document, deploy_intel, "is on its way to every endpoint")

    def withdraw_view(self, request: HttpRequest, document_id: UUID) -> HttpResponse:
        """Take the document away from every endpoint."""
        document = self._writable(request, document_id)
        return self._apply(request, document, withdraw_intel, "is being withdrawn")

    def _writable(self, request: HttpRequest, document_id: UUID) -> IntelDocument:
        if request.method != "POST" or not _may_deploy(request):
            raise PermissionDenied
        return self.document(request, str(document_id))

    def _apply(
        self,
        request: HttpRequest,
        document: IntelDocument,
        service: Callable[..., Any],
        outcome: str,
    ) -> HttpResponse:
        try:
            service(document, actor=actor_of(request), now=timezone.now())
        except VedetteError as refusal:
            messages.error(request, refusal.detail)
        else:
            messages.success(request, f"“{document.name}” {outcome}.")
        return self.to_document(document)


def _may_deploy(request: HttpRequest) -> bool:
    return may_deploy(request.user)
