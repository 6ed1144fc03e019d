"""Deploy and withdraw intel, and see who has it, over REST."""

from __future__ import annotations

from typing import Any, ClassVar

from django.utils import timezone
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from console.core.api.views import ResourceViewSet
from console.core.exceptions import NotAllowed
from console.endpoints.models import Endpoint
from console.endpoints.reach import reach_of
from threatresponse.deployment.api.serializers import (
    DeploymentSummarySerializer,
    EndpointDeploymentSerializer,
    PublicationSerializer,
)
from threatresponse.deployment.selectors import (
    VIEW,
    DeploymentState,
    endpoints_with_deployment,
    may_deploy,
    summarise_deployment,
)
from threatresponse.deployment.services import deploy_intel, withdraw_intel
from threatresponse.intel.selectors import intel_visible_to


class IntelDeploymentViewSet(ResourceViewSet):
    """What is done to one intel document to bring it to endpoints, or away from them."""

    serializer_class = PublicationSerializer
    lookup_value_converter = "uuid"
    required_permissions: ClassVar[dict[str, str]] = {
        "deploy": "intel.deploy_inteldocument",
        "withdraw": "intel.deploy_inteldocument",
    }

    def get_queryset(self) -> Any:
        """Return what the user may see."""
        return intel_visible_to(self.request.user)

    @extend_schema(request=None, responses=PublicationSerializer)
    @action(detail=True, methods=["post"])
    def deploy(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Publish the document's present revision and send it to every endpoint."""
        self._check_reach()
        publication = deploy_intel(self.get_object(), actor=self.actor(), now=timezone.now())
        return Response(PublicationSerializer(publication).data)

    @extend_schema(request=None, responses=PublicationSerializer)
    @action(detail=True, methods=["post"])
    def withdraw(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Publish everything but this document."""
        self._check_reach()
        publication = withdraw_intel(self.get_object(), actor=self.actor(), now=timezone.now())
        return Response(PublicationSerializer(publication).data)

    def _check_reach(self) -> None:
        if not may_deploy(self.request.user):
            raise NotAllowed("Intel goes to every endpoint: your roles reach only some of them.")


class EndpointDeploymentFilterSet(filters.FilterSet):
    """`state` is a deployment state."""

    state = filters.ChoiceFilter(
        field_name="deployment_state",
        choices=[(state, state) for state in DeploymentState],
    )

    class Meta:
        model = Endpoint
        fields: tuple[str, ...] = ()


class DeploymentViewSet(ResourceViewSet):
    """The current publication, and which endpoints have it."""

    serializer_class = EndpointDeploymentSerializer
    filterset_class = EndpointDeploymentFilterSet
    page_order = ("pk",)
    required_permissions: ClassVar[dict[str, str]] = {
        "list": "intel.view_inteldocument",
        "endpoints": "endpoints.view_endpoint",
    }

    def get_queryset(self) -> Any:
        """Return the endpoints that the user may see with their deployment states."""
        if getattr(self, "swagger_fake_view", False):
            # The schema is made without a database.
            return Endpoint.objects.none()
        return endpoints_with_deployment(
            reach_of(self.request.user, "endpoints.view_endpoint"), now=timezone.now()
        )

    @extend_schema(responses=DeploymentSummarySerializer)
    def list(self, request: Request) -> Response:
        """Return the current publication and how many endpoints are in which state."""
        summary = summarise_deployment(reach_of(request.user, VIEW), now=timezone.now())
        return Response(DeploymentSummarySerializer(summary).data)

    @action(detail=False)
    def endpoints(self, request: Request) -> Response:
        """List the endpoints with their states, and why it failed."""
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return self.get_paginated_response(EndpointDeploymentSerializer(page, many=True).data)
