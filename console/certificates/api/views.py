"""Certificates over REST."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from rest_framework import mixins

from console.certificates.api.filtersets import CertificateFilterSet
from console.certificates.api.serializers import CertificateSerializer
from console.certificates.models import Certificate
from console.certificates.visibility import certificates_visible_to
from console.core.api.views import ResourceViewSet


class CertificateViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, ResourceViewSet):
    """What the authority issued; newest first."""

    queryset = Certificate.objects.none()
    serializer_class = CertificateSerializer
    filterset_class = CertificateFilterSet
    lookup_field = "serial_number"
    lookup_value_converter = "slug"
    required_permissions: ClassVar[Mapping[str, str]] = {
        "list": "certificates.view_certificate",
        "retrieve": "certificates.view_certificate",
    }

    def get_queryset(self) -> Any:
        """Return what the user may see."""
        return certificates_visible_to(self.request.user)
