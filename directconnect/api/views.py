"""Live sessions over REST."""

from __future__ import annotations

from typing import Any

from asgiref.sync import async_to_sync
from django.utils import timezone
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.decorators import action
from rest_framework.exceptions import NotAuthenticated
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from console.access.models import User
from console.core.api.views import ResourceViewSet
from console.core.exceptions import NotAllowed
from console.endpoints.selectors import endpoint_visible_to
from directconnect.api.serializers import (
    EventPageSerializer,
    OpenSerializer,
    PageWantedSerializer,
    SessionSerializer,
)
from directconnect.exceptions import SearchRefused
from directconnect.models import Session
from directconnect.searches import PageWanted, search_events
from directconnect.selectors import OPEN, sessions_usable_by, sessions_visible_to
from directconnect.services import close_session, open_session


class SessionFilterSet(filters.FilterSet):
    """`endpoint` is its id; `state` may be repeated."""

    endpoint = filters.UUIDFilter(field_name="endpoint_id")
    state = filters.MultipleChoiceFilter(choices=Session.State.choices)

    class Meta:
        model = Session
        fields: tuple[str, ...] = ()


class SessionViewSet(ResourceViewSet, ListModelMixin, RetrieveModelMixin):
    """Live sessions: a user's window onto one endpoint, for its own user only."""

    serializer_class = SessionSerializer
    filterset_class = SessionFilterSet
    lookup_value_converter = "uuid"
    page_order = ("-requested_at", "id")
    required_permissions = dict.fromkeys(("list", "retrieve", "create", "close", "events"), OPEN)

    def get_queryset(self) -> Any:
        """Return what the user may know of."""
        return sessions_visible_to(self.request.user)

    @extend_schema(request=OpenSerializer, responses={201: SessionSerializer})
    def create(self, request: Request) -> Response:
        """Ask an endpoint to dial in; the session is PENDING until it has."""
        sent = OpenSerializer(data=request.data)
        sent.is_valid(raise_exception=True)
        endpoint = endpoint_visible_to(
            self._user(), sent.validated_data["endpoint"], permission=OPEN
        )
        session = open_session(endpoint, actor=self.actor(), now=timezone.now())
        return Response(SessionSerializer(session).data, status=status.HTTP_201_CREATED)

    @extend_schema(request=None, responses=SessionSerializer)
    @action(detail=True, methods=["post"])
    def close(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """End a session."""
        session = self._usable()
        close_session(session, actor=self.actor(), now=timezone.now())
        session.refresh_from_db()
        return Response(SessionSerializer(session).data)

    @extend_schema(parameters=[PageWantedSerializer], responses=EventPageSerializer)
    @action(detail=True, pagination_class=None, filterset_class=None)
    def events(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Search the endpoint's recorded events; waits for a session that is still pending."""
        sent = PageWantedSerializer(data=request.query_params)
        sent.is_valid(raise_exception=True)
        session = self._usable()
        wanted = PageWanted(
            expression=sent.validated_data["search"],
            offset=sent.validated_data["offset"],
            limit=sent.validated_data["limit"],
            kinds=tuple(sent.validated_data["kind"]),
        )
        page = async_to_sync(search_events)(session.pk, wanted)
        return Response({"total": page.total, "complete": page.complete, "results": page.events})

    def handle_exception(self, exc: Exception) -> Response:
        """Add the place in the expression to the problem of a refused search."""
        response = super().handle_exception(exc)
        if isinstance(exc, SearchRefused) and isinstance(response.data, dict):
            response.data.update(exc.place)
        return response

    def _usable(self) -> Session:
        session: Session = self.get_object()
        if not sessions_usable_by(self.request.user).filter(pk=session.pk).exists():
            raise NotAllowed("Only the user who opened a session can use it.")
        return session

    def _user(self) -> User:
        if not isinstance(self.request.user, User):
            raise NotAuthenticated
        return self.request.user
