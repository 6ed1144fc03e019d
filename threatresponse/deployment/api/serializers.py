"""How deployment looks in the API."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from threatresponse.deployment.models import IntelPublication


class PublicationSerializer(serializers.ModelSerializer[IntelPublication]):
    """A publication, without its content."""

    class Meta:
        model = IntelPublication
        fields = ("revision", "digest", "rule_count", "published_at", "published_by_name")
        read_only_fields = fields


class DeploymentSummarySerializer(serializers.Serializer[Any]):
    """The current publication and how many endpoints are in which state."""

    revision = serializers.IntegerField()
    rule_count = serializers.IntegerField()
    published_at = serializers.DateTimeField(allow_null=True)
    published_by_name = serializers.CharField()
    endpoints = serializers.DictField(child=serializers.IntegerField())


class EndpointDeploymentSerializer(serializers.Serializer[Any]):
    """Where one endpoint stands with the current publication."""

    id = serializers.UUIDField()
    host_name = serializers.CharField()
    os = serializers.CharField()
    intel_revision = serializers.IntegerField()
    state = serializers.CharField(source="deployment_state")
    detail = serializers.CharField(source="deployment_detail")
