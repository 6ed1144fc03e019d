"""How certificates look in the API."""

from __future__ import annotations

from rest_framework import serializers

from console.certificates.models import Certificate


class CertificateSerializer(serializers.ModelSerializer[Certificate]):
    """One issued certificate; private keys are nowhere in the database."""

    authority = serializers.CharField(source="authority.name", read_only=True)

    class Meta:
        model = Certificate
        fields = (
            "serial_number",
            "authority",
            "purpose",
            "subject_id",
            "fingerprint",
            "certificate",
            "not_before",
            "not_after",
            "issued_at",
            "revoked_at",
            "revocation_reason",
        )
        read_only_fields = fields
