"""How users and API tokens look in the API."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from console.access.catalogue import ADMINISTRATOR
from console.access.effective import EffectiveAccess, Held
from console.access.models import ContentSet, Role, User
from console.core.api.fields import NamedById


class CredentialsSerializer(serializers.Serializer[Any]):
    """What an API token is asked for with."""

    username = serializers.CharField(max_length=150)
    password = serializers.CharField(
        max_length=1024, trim_whitespace=False, style={"input_type": "password"}
    )


class IssuedTokenSerializer(serializers.Serializer[Any]):
    """A new API token: send it as `Authorization: Token <token>`."""

    token = serializers.CharField()
    expires_at = serializers.DateTimeField(allow_null=True)


class UserSerializer(serializers.ModelSerializer[User]):
    """One user, without any secret. Administrators have no need of roles: `is_superuser`."""

    roles = NamedById(
        source="groups",
        many=True,
        required=False,
        queryset=Role.objects.exclude(key=ADMINISTRATOR.key),
        help_text="What the user may do, and where. Only administrators change it.",
    )

    class Meta:
        model = User
        fields: tuple[str, ...] = (
            "id",
            "username",
            "first_name",
            "last_name",
            "email",
            "time_zone",
            "is_active",
            "is_staff",
            "is_superuser",
            "roles",
            "date_joined",
            "last_login",
        )
        read_only_fields: tuple[str, ...] = ("id", "date_joined", "last_login")


class NewUserSerializer(UserSerializer):
    """A user to be made."""

    password = serializers.CharField(max_length=1024, trim_whitespace=False, write_only=True)

    class Meta(UserSerializer.Meta):
        fields = (*UserSerializer.Meta.fields, "password")


class ChangedUserSerializer(UserSerializer):
    """What of a user changes; the name stays, for the audit log knows people by it."""

    class Meta(UserSerializer.Meta):
        read_only_fields = (*UserSerializer.Meta.read_only_fields, "username")


class PasswordSerializer(serializers.Serializer[Any]):
    """A new password."""

    password = serializers.CharField(max_length=1024, trim_whitespace=False)


class NamedPermissionSerializer(serializers.Serializer[Any]):
    """One row of the matrix of roles."""

    key = serializers.CharField()
    title = serializers.CharField()
    section = serializers.CharField()
    meaning = serializers.CharField(help_text='Completes "Whoever has it may ...".')
    reference = serializers.CharField()
    per_content_set = serializers.BooleanField(help_text="It is granted on content sets.")
    on_endpoints = serializers.BooleanField(
        help_text="It acts only in the computer groups that the role reaches."
    )
    provides = serializers.ListField(
        child=serializers.CharField(), help_text="Keys of what comes with it."
    )
    implies = serializers.ListField(
        child=serializers.CharField(), help_text="What routes check, behind it."
    )


class ContentSetSerializer(serializers.ModelSerializer[ContentSet]):
    """A drawer of sensors, saved questions and packages."""

    class Meta:
        model = ContentSet
        fields = ("id", "name", "description", "reserved")
        read_only_fields = ("id", "reserved")


class ContentGrantSerializer(serializers.Serializer[Any]):
    """One permission on one content set."""

    content_set = serializers.CharField(max_length=128)
    permission = serializers.CharField(max_length=100)


class RoleSerializer(serializers.Serializer[Any]):
    """One role with all that it amounts to, what comes with something else included."""

    id = serializers.IntegerField(source="line.role.pk")
    key = serializers.CharField(source="line.role.key", allow_null=True)
    name = serializers.CharField(source="line.role.name")
    description = serializers.CharField(source="line.role.description")
    members = serializers.ListField(child=serializers.IntegerField())
    permissions = serializers.ListField(child=serializers.CharField())
    content = ContentGrantSerializer(many=True)
    reaches_everything = serializers.BooleanField(source="line.reach.everything")
    reaches = serializers.IntegerField(
        source="line.reach.endpoints", help_text="How many computers; 0 where it is all of them."
    )


class ChangedRoleSerializer(serializers.Serializer[Any]):
    """What of a role changes. Of a seeded one only `members` can."""

    name = serializers.CharField(max_length=150, required=False)
    description = serializers.CharField(max_length=2000, required=False, allow_blank=True)
    permissions = serializers.ListField(
        child=serializers.CharField(max_length=100), required=False, max_length=1000
    )
    content = ContentGrantSerializer(many=True, required=False)
    members = NamedById(many=True, required=False, queryset=User.objects.all())


class NewRoleSerializer(ChangedRoleSerializer):
    """A role to be made; members are given once it is there."""

    name = serializers.CharField(max_length=150)
    members = None  # type: ignore[assignment]  # how DRF leaves an inherited field out


class CopySerializer(serializers.Serializer[Any]):
    """The name of a copy."""

    name = serializers.CharField(max_length=150)


class HeldSerializer(serializers.Serializer[Any]):
    """One thing that a user may do: where, and because of which roles."""

    key = serializers.CharField(source="permission.key")
    title = serializers.CharField(source="permission.title")
    section = serializers.CharField(source="permission.section")
    on_endpoints = serializers.BooleanField(source="permission.on_endpoints")
    on_all_endpoints = serializers.BooleanField()
    computer_groups = serializers.SerializerMethodField()
    content_sets = serializers.ListField(child=serializers.CharField())
    roles = serializers.SerializerMethodField()

    def get_computer_groups(self, held: Held) -> list[str]:
        """List the names of the computer groups in which it acts."""
        return [group.name for group in held.groups]

    def get_roles(self, held: Held) -> list[str]:
        """List the names of the roles that give it."""
        return [role.name for role in held.roles]


class EffectiveAccessSerializer(serializers.Serializer[Any]):
    """All that a user may do."""

    user = serializers.IntegerField(source="user.pk")
    username = serializers.CharField(source="user.username")
    may_everything = serializers.BooleanField()
    roles = serializers.SerializerMethodField()
    permissions = serializers.SerializerMethodField()
    outside_roles = serializers.ListField(child=serializers.CharField(), source="direct")

    def get_roles(self, access: EffectiveAccess) -> list[str]:
        """List the names of the user's roles."""
        return [role.name for role in access.roles]

    @extend_schema_field(HeldSerializer(many=True))
    def get_permissions(self, access: EffectiveAccess) -> Any:
        """List what the user may do, section by section."""
        held = [one for section in access.sections for one in section.held]
        return HeldSerializer(held, many=True).data
