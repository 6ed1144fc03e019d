"""Certificates over REST."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from rest_framework import mixins

from console.certificates.api.filtersets import CertificateFilterSet
from console.certificates.api.serializers import CertificateSerializer
from console.certificates.models import Certificate
from console.core.api.views import ResourceViewSet


class CertificateViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, ResourceViewSet):
    """What the authority issued; newest first."""

    queryset = Certificate.objects.select_related("authority")
    serializer_class = CertificateSerializer
    filterset_class = CertificateFilterSet
    lookup_field = "serial_number"
    lookup_value_converter = "slug"
    required_permissions: ClassVar[Mapping[str, str]] = {
        "list": "certificates.view_certificate",
        "retrieve": "certificates.view_certificate",
    }
