"""Roles, their permissions and content sets over REST."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, status
from rest_framework.decorators import action
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from console.access.api.permissions import IsAdministrator
from console.access.api.serializers import (
    ChangedRoleSerializer,
    ContentSetSerializer,
    CopySerializer,
    NamedPermissionSerializer,
    NewRoleSerializer,
    RoleSerializer,
)
from console.access.catalogue import named_permissions
from console.access.content import usable_content_sets
from console.access.content_sets import (
    change_content_set,
    create_content_set,
    delete_content_set,
)
from console.access.grants import GivenPowers, read_powers
from console.access.models import ContentSet, Role
from console.access.roles import (
    change_role,
    copy_role,
    create_role,
    delete_role,
    set_role_members,
)
from console.access.selectors import member_ids, role_lines
from console.core.api.views import ResourceViewSet
from console.core.exceptions import InvalidInput


class PermissionsView(APIView):
    """Every named permission. They are part of the published source."""

    permission_classes = (IsAuthenticated,)

    @extend_schema(responses=NamedPermissionSerializer(many=True))
    def get(self, request: Request) -> Response:
        """List them, section by section."""
        return Response(NamedPermissionSerializer(named_permissions(), many=True).data)


class RoleViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, ResourceViewSet):
    """Who may do what, with which content, on which computers. For administrators.

    What comes with another permission is listed, too.
    """

    queryset = Role.objects.all()
    serializer_class = RoleSerializer
    permission_classes = (IsAdministrator,)
    lookup_value_converter = "int"
    page_order = ("name",)

    def get_serializer(self, *args: Any, **kwargs: Any) -> Any:
        """Show roles with what they amount to, asked for a whole page at once."""
        if not args:
            return super().get_serializer(**kwargs)
        shown = _shown(args[0] if kwargs.get("many") else [args[0]])
        return super().get_serializer(shown if kwargs.get("many") else shown[0], **kwargs)

    @extend_schema(request=NewRoleSerializer, responses={201: RoleSerializer})
    def create(self, request: Request) -> Response:
        """Make a role."""
        wish = NewRoleSerializer(data=request.data)
        wish.is_valid(raise_exception=True)
        made = create_role(
            name=wish.validated_data["name"],
            description=wish.validated_data.get("description", ""),
            powers=_powers(wish.validated_data, GivenPowers()),
            actor=self.actor(),
            now=timezone.now(),
        )
        return self._answer(made, status.HTTP_201_CREATED)

    @extend_schema(request=ChangedRoleSerializer, responses=RoleSerializer)
    def partial_update(self, request: Request, pk: int) -> Response:
        """Change a role; what is left out stays. Of a seeded role, only its members change."""
        role = self.get_object()
        wish = ChangedRoleSerializer(data=request.data)
        wish.is_valid(raise_exception=True)
        fields = wish.validated_data
        actor, now = self.actor(), timezone.now()
        if "members" in fields and len(fields) > 1:
            raise InvalidInput(
                "Change members in a request of their own.",
                errors={"members": ["Nothing else may change with them."]},
            )
        if "members" in fields:
            set_role_members(role, fields["members"], actor=actor, now=now)
        else:
            gives = {"permissions", "content"} & fields.keys()
            stored = read_powers([role])[role.pk]
            change_role(
                role,
                name=fields.get("name"),
                description=fields.get("description"),
                powers=_powers(fields, stored) if gives else None,
                actor=actor,
                now=now,
            )
        return self._answer(role)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, pk: int) -> Response:
        """Delete a role of a user's own."""
        delete_role(self.get_object(), actor=self.actor(), now=timezone.now())
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(request=CopySerializer, responses={201: RoleSerializer})
    @action(detail=True, methods=["post"])
    def copy(self, request: Request, pk: int) -> Response:
        """Make a role with the same permissions and content, without members and computers."""
        wish = CopySerializer(data=request.data)
        wish.is_valid(raise_exception=True)
        made = copy_role(
            self.get_object(),
            name=wish.validated_data["name"],
            actor=self.actor(),
            now=timezone.now(),
        )
        return self._answer(made, status.HTTP_201_CREATED)

    def _answer(self, role: Role, code: int = status.HTTP_200_OK) -> Response:
        return Response(RoleSerializer(_shown([role])[0]).data, status=code)


class ContentSetViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, ResourceViewSet):
    """Drawers of sensors, saved questions and packages: those that one may use.

    Only administrators make, change and delete them.
    """

    queryset = ContentSet.objects.all()
    serializer_class = ContentSetSerializer
    lookup_value_converter = "int"
    page_order = ("name",)

    def get_permissions(self) -> list[Any]:
        """Ask for a login to look, and for an administrator to change."""
        looks = self.action in {"list", "retrieve", "metadata"}
        return [IsAuthenticated() if looks else IsAdministrator()]

    def get_queryset(self) -> QuerySet[ContentSet]:
        """Show those on which the user has any permission."""
        if not self.request.user.is_authenticated:
            return ContentSet.objects.none()
        return usable_content_sets(self.request.user)

    @extend_schema(request=ContentSetSerializer, responses={201: ContentSetSerializer})
    def create(self, request: Request) -> Response:
        """Make a content set."""
        wish = ContentSetSerializer(data=request.data)
        wish.is_valid(raise_exception=True)
        made = create_content_set(
            name=wish.validated_data["name"],
            description=wish.validated_data.get("description", ""),
            actor=self.actor(),
            now=timezone.now(),
        )
        return Response(ContentSetSerializer(made).data, status=status.HTTP_201_CREATED)

    @extend_schema(request=ContentSetSerializer, responses=ContentSetSerializer)
    def partial_update(self, request: Request, pk: int) -> Response:
        """Rename or describe a content set of a user's own."""
        content_set = self.get_object()
        wish = ContentSetSerializer(content_set, data=request.data, partial=True)
        wish.is_valid(raise_exception=True)
        changed = change_content_set(
            content_set,
            name=wish.validated_data.get("name"),
            description=wish.validated_data.get("description"),
            actor=self.actor(),
            now=timezone.now(),
        )
        return Response(ContentSetSerializer(changed).data)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, pk: int) -> Response:
        """Delete an empty content set of a user's own."""
        delete_content_set(self.get_object(), actor=self.actor(), now=timezone.now())
        return Response(status=status.HTTP_204_NO_CONTENT)


def _powers(fields: Mapping[str, Any], stored: GivenPowers) -> GivenPowers:
    content = fields.get("content")
    return GivenPowers(
        frozenset(fields.get("permissions", stored.permissions)),
        stored.content
        if content is None
        else frozenset((grant["content_set"], grant["permission"]) for grant in content),
    )


def _shown(roles: Iterable[Role]) -> list[dict[str, Any]]:
    lines = role_lines(roles)
    powers = read_powers([line.role for line in lines])
    members = member_ids([line.role for line in lines])
    return [
        {
            "line": line,
            "members": members[line.role.pk],
            "permissions": sorted(powers[line.role.pk].permissions),
            "content": [
                {"content_set": name, "permission": key}
                for name, key in sorted(powers[line.role.pk].content)
            ],
        }
        for line in lines
    ]
