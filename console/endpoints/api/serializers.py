"""How endpoints and enrolment tokens look in the API."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from console.certificates.models import EnrolmentToken
from console.endpoints.models import Endpoint


class EndpointSerializer(serializers.ModelSerializer[Endpoint]):
    """One endpoint; `online` is as of the answer. Its status report is in the detail only."""

    online = serializers.SerializerMethodField()
    certificate_fingerprint = serializers.CharField(
        source="certificate.fingerprint", read_only=True
    )
    certificate_expires_at = serializers.DateTimeField(
        source="certificate.not_after", read_only=True
    )

    class Meta:
        model = Endpoint
        fields: tuple[str, ...] = (
            "id",
            "host_name",
            "os",
            "os_name",
            "os_version",
            "kernel",
            "architecture",
            "addresses",
            "source_address",
            "agent_version",
            "enrolled_at",
            "enrolled_with",
            "last_seen_at",
            "revoked_at",
            "online",
            "intel_revision",
            "status_at",
            "certificate_fingerprint",
            "certificate_expires_at",
        )
        read_only_fields = fields

    def get_online(self, endpoint: Endpoint) -> bool:
        """Tell whether the endpoint is among those that the view found online."""
        return endpoint.pk in self.context.get("online", ())


class EndpointDetailSerializer(EndpointSerializer):
    """One endpoint with its last status report and what it can carry out."""

    class Meta(EndpointSerializer.Meta):
        fields = (
            *EndpointSerializer.Meta.fields,
            "machine_id",
            "boot_id",
            "capabilities",
            "status",
        )
        read_only_fields = fields


class RevocationSerializer(serializers.Serializer[Any]):
    """Why an endpoint is cut off."""

    reason = serializers.CharField(max_length=255, required=False, default="", allow_blank=True)


class EnrolmentTokenSerializer(serializers.ModelSerializer[EnrolmentToken]):
    """One enrolment token, without the token itself, which nobody stored."""

    class Meta:
        model = EnrolmentToken
        fields: tuple[str, ...] = (
            "id",
            "name",
            "uses_allowed",
            "uses_left",
            "expires_at",
            "created_at",
            "created_by_name",
            "last_used_at",
            "revoked_at",
        )
        read_only_fields = fields


class NewEnrolmentTokenSerializer(serializers.Serializer[Any]):
    """What an enrolment token is asked for with; by default one computer within a day."""

    name = serializers.CharField(max_length=128)
    uses_allowed = serializers.IntegerField(min_value=1, default=1)
    expires_at = serializers.DateTimeField(required=False)


class CreatedEnrolmentTokenSerializer(EnrolmentTokenSerializer):
    """A new token with what is shown only this once: the token and the line that installs."""

    token = serializers.CharField(read_only=True)
    install_command = serializers.CharField(read_only=True)

    class Meta(EnrolmentTokenSerializer.Meta):
        fields = (*EnrolmentTokenSerializer.Meta.fields, "token", "install_command")
        read_only_fields = fields


class PlainTokenSerializer(serializers.Serializer[Any]):
    """The token as it was shown when it was created."""

    token = serializers.CharField(max_length=128)
