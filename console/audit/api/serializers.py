"""How audit events look in the API."""

from __future__ import annotations

from rest_framework import serializers

from console.audit.models import AuditEvent


class AuditEventSerializer(serializers.ModelSerializer[AuditEvent]):
    """One audit event with the digests that chain it."""

    class Meta:
        model = AuditEvent
        fields = (
            "sequence",
            "happened_at",
            "actor_id",
            "actor_name",
            "source_address",
            "action",
            "outcome",
            "subject_type",
            "subject_id",
            "subject_name",
            "detail",
            "previous_digest",
            "digest",
        )
        read_only_fields = fields
