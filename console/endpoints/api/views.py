"""Endpoints and enrolment tokens over REST."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, ClassVar, Final
from uuid import UUID

from django.conf import settings
from django.http import HttpResponse
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import mixins, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from console.certificates.exceptions import EnrolmentTokenRefused
from console.certificates.models import EnrolmentToken
from console.certificates.services import (
    check_enrolment_token,
    create_enrolment_token,
    revoke_enrolment_token,
)
from console.core.api.views import ResourceViewSet
from console.core.redis import client
from console.endpoints import addresses
from console.endpoints.api.filtersets import EndpointFilterSet
from console.endpoints.api.serializers import (
    CreatedEnrolmentTokenSerializer,
    EndpointDetailSerializer,
    EndpointSerializer,
    EnrolmentTokenSerializer,
    NewEnrolmentTokenSerializer,
    PlainTokenSerializer,
    RevocationSerializer,
)
from console.endpoints.installer import install_command
from console.endpoints.models import Endpoint
from console.endpoints.presence import online_ids
from console.endpoints.selectors import REVOKE, endpoint_visible_to, endpoints_visible_to
from console.endpoints.services import hand_out_installer, revoke_endpoint

TOKEN_LIFE: Final = timedelta(days=1)


class EndpointViewSet(ResourceViewSet):
    """The computers that this console looks after."""

    queryset = Endpoint.objects.none()
    serializer_class = EndpointSerializer
    filterset_class = EndpointFilterSet
    lookup_value_converter = "uuid"
    page_order = ("host_name", "pk")
    required_permissions: ClassVar[Mapping[str, str]] = {
        "list": "endpoints.view_endpoint",
        "retrieve": "endpoints.view_endpoint",
        "revoke": "endpoints.revoke_endpoint",
    }

    def list(self, request: Request) -> Response:
        """List endpoints by host name, with their presence."""
        visible = self.filter_queryset(endpoints_visible_to(request.user))
        page = self.paginate_queryset(visible.defer("status"))
        return self.get_paginated_response(self._shown(page or (), EndpointSerializer))

    @extend_schema(responses=EndpointDetailSerializer)
    def retrieve(self, request: Request, pk: UUID) -> Response:
        """Show one endpoint with its last status report."""
        endpoint = endpoint_visible_to(request.user, pk)
        return Response(self._shown([endpoint], EndpointDetailSerializer)[0])

    @extend_schema(request=RevocationSerializer, responses=EndpointDetailSerializer)
    @action(detail=True, methods=["post"])
    def revoke(self, request: Request, pk: UUID) -> Response:
        """Cut an endpoint off for good; its open connections end within five seconds."""
        endpoint = endpoint_visible_to(request.user, pk, permission=REVOKE)
        wish = RevocationSerializer(data=request.data)
        wish.is_valid(raise_exception=True)
        reason = wish.validated_data["reason"]
        revoke_endpoint(endpoint, reason=reason, actor=self.actor(), now=timezone.now())
        endpoint.refresh_from_db()
        return Response(self._shown([endpoint], EndpointDetailSerializer)[0])

    def _shown(self, endpoints: Any, serializer: type[EndpointSerializer]) -> Any:
        with client() as redis:
            online = online_ids(
                redis,
                [endpoint.pk for endpoint in endpoints if endpoint.revoked_at is None],
                now=timezone.now().timestamp(),
            )
        return serializer(endpoints, many=True, context={"online": online}).data


class EnrolmentTokenViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, ResourceViewSet):
    """Permissions for computers to join this console."""

    queryset = EnrolmentToken.objects.all()
    serializer_class = EnrolmentTokenSerializer
    filterset_fields = ("name",)
    lookup_value_converter = "int"
    required_permissions: ClassVar[Mapping[str, str]] = {
        "list": "certificates.view_enrolmenttoken",
        "retrieve": "certificates.view_enrolmenttoken",
        "create": "certificates.add_enrolmenttoken",
        "installer": "certificates.add_enrolmenttoken",
        "revoke": "certificates.revoke_enrolmenttoken",
    }

    @extend_schema(
        request=NewEnrolmentTokenSerializer, responses={201: CreatedEnrolmentTokenSerializer}
    )
    def create(self, request: Request) -> Response:
        """Create a token. The answer is the only place where it is ever shown."""
        wish = NewEnrolmentTokenSerializer(data=request.data)
        wish.is_valid(raise_exception=True)
        now = timezone.now()
        created = create_enrolment_token(
            name=wish.validated_data["name"],
            uses=wish.validated_data["uses_allowed"],
            expires_at=wish.validated_data.get("expires_at", now + TOKEN_LIFE),
            actor=self.actor(),
            now=now,
        )
        shown = EnrolmentTokenSerializer(created.row).data
        line = install_command(created.plain, name=addresses.default_name())
        return Response(
            {**shown, "token": created.plain, "install_command": line},
            status=status.HTTP_201_CREATED,
        )

    @extend_schema(request=None, responses=EnrolmentTokenSerializer)
    @action(detail=True, methods=["post"])
    def revoke(self, request: Request, pk: int) -> Response:
        """Let nobody join with this token any more."""
        token = self.get_object()
        revoke_enrolment_token(token, actor=self.actor(), now=timezone.now())
        token.refresh_from_db()
        return Response(EnrolmentTokenSerializer(token).data)

    @extend_schema(
        request=PlainTokenSerializer,
        responses={(200, "text/x-shellscript"): OpenApiResponse(OpenApiTypes.STR)},
    )
    @action(detail=True, methods=["post"])
    def installer(self, request: Request, pk: int) -> HttpResponse:
        """Give the installer that carries this token and the authority, as a file."""
        wish = PlainTokenSerializer(data=request.data)
        wish.is_valid(raise_exception=True)
        plain = wish.validated_data["token"]
        token = check_enrolment_token(plain, now=timezone.now())
        if token.pk != self.get_object().pk:
            raise EnrolmentTokenRefused("This is another enrolment token's text.")
        script = hand_out_installer(
            plain, name=addresses.default_name(), actor=self.actor(), now=timezone.now()
        )
        host = settings.VEDETTE_NAMES[0]
        return HttpResponse(
            script,
            content_type="text/x-shellscript",
            headers={"Content-Disposition": f'attachment; filename="install-vedette-{host}.sh"'},
        )
