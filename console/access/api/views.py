"""Users and API tokens over REST."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, status
from rest_framework.decorators import action
from rest_framework.exceptions import NotAuthenticated, NotFound
from rest_framework.permissions import AllowAny, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from console.access.api.filtersets import UserFilterSet
from console.access.api.permissions import IsAdministrator
from console.access.api.serializers import (
    ChangedUserSerializer,
    CredentialsSerializer,
    EffectiveAccessSerializer,
    IssuedTokenSerializer,
    NewUserSerializer,
    PasswordSerializer,
    UserSerializer,
)
from console.access.effective import effective_access
from console.access.models import User
from console.access.services import (
    change_user,
    create_user,
    issue_api_token,
    revoke_api_tokens,
    set_password,
)
from console.core.api.views import ResourceViewSet
from console.core.requests import actor_of


class TokenView(APIView):
    """API tokens for whoever knows a password."""

    permission_classes = (AllowAny,)
    authentication_classes = ()

    @extend_schema(request=CredentialsSerializer, responses=IssuedTokenSerializer)
    def post(self, request: Request) -> Response:
        """Exchange user name and password for a token that expires."""
        wish = CredentialsSerializer(data=request.data)
        wish.is_valid(raise_exception=True)
        issued = issue_api_token(
            request._request,
            username=wish.validated_data["username"],
            password=wish.validated_data["password"],
            now=timezone.now(),
        )
        shown = IssuedTokenSerializer({"token": issued.plain, "expires_at": issued.expires_at})
        return Response(shown.data, headers={"Cache-Control": "no-store"})


class LogoutView(APIView):
    """The end of the token that a request carries."""

    permission_classes = (IsAuthenticated,)
    # Whether all of a user's tokens end, or the one that was used.
    every_token = False

    @extend_schema(request=None, responses={204: None})
    def post(self, request: Request) -> Response:
        """End the token that was used for this request, or all of the user's at `logout-all`."""
        user = request.user
        if not isinstance(user, User):
            raise NotAuthenticated
        digest = "" if self.every_token else str(getattr(request.auth, "digest", ""))
        if digest or self.every_token:
            revoke_api_tokens(user, digest=digest, actor=actor_of(request), now=timezone.now())
        return Response(status=status.HTTP_204_NO_CONTENT)


class UserViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, ResourceViewSet):
    """The people and scripts that use this console."""

    queryset = User.objects.prefetch_related("groups")
    serializer_class = UserSerializer
    filterset_class = UserFilterSet
    lookup_value_converter = "int"
    page_order = ("username",)
    required_permissions: ClassVar[Mapping[str, str]] = {
        "list": "access.view_user",
        "retrieve": "access.view_user",
        "create": "access.add_user",
        "partial_update": "access.change_user",
        "password": "access.change_user",
    }

    @extend_schema(request=NewUserSerializer, responses={201: UserSerializer})
    def create(self, request: Request) -> Response:
        """Make a user."""
        wish = NewUserSerializer(data=request.data)
        wish.is_valid(raise_exception=True)
        fields = dict(wish.validated_data)
        user = create_user(
            username=fields.pop("username"),
            password=fields.pop("password"),
            roles=fields.pop("groups", None),
            fields=fields,
            actor=self.actor(),
            now=timezone.now(),
        )
        return Response(UserSerializer(user).data, status=status.HTTP_201_CREATED)

    @extend_schema(request=ChangedUserSerializer, responses=UserSerializer)
    def partial_update(self, request: Request, pk: int) -> Response:
        """Change a user; `is_active: false` ends what they can do."""
        user = self.get_object()
        wish = ChangedUserSerializer(user, data=request.data, partial=True)
        wish.is_valid(raise_exception=True)
        fields = dict(wish.validated_data)
        changed = change_user(
            user,
            roles=fields.pop("groups", None),
            fields=fields,
            actor=self.actor(),
            now=timezone.now(),
        )
        return Response(UserSerializer(User.objects.get(pk=changed.pk)).data)

    @extend_schema(request=PasswordSerializer, responses={204: None})
    @action(detail=True, methods=["post"])
    def password(self, request: Request, pk: int) -> Response:
        """Give a user another password; every login and token of theirs ends."""
        wish = PasswordSerializer(data=request.data)
        wish.is_valid(raise_exception=True)
        set_password(
            self.get_object(),
            password=wish.validated_data["password"],
            actor=self.actor(),
            now=timezone.now(),
        )
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(responses=EffectiveAccessSerializer)
    @action(
        detail=True,
        methods=["get"],
        url_path="effective-access",
        permission_classes=(IsAuthenticated,),
    )
    def effective_access(self, request: Request, pk: int) -> Response:
        """Say what a user may do, where, and why: of oneself, or of anybody for administrators."""
        if pk != request.user.pk and not IsAdministrator().has_permission(request, self):
            raise NotFound
        return Response(EffectiveAccessSerializer(effective_access(self.get_object())).data)
