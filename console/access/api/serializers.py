"""How users and API tokens look in the API."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from console.access.models import User


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
    """One user, without any secret."""

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
