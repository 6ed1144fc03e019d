"""What the list of certificates can be narrowed by."""

from __future__ import annotations

import django_filters

from console.certificates.models import Certificate


class CertificateFilterSet(django_filters.FilterSet):
    """`subject_id` is an endpoint's UUID; `expires_before` finds what must be renewed."""

    revoked = django_filters.BooleanFilter(
        field_name="revoked_at", lookup_expr="isnull", exclude=True
    )
    expires_before = django_filters.IsoDateTimeFilter(field_name="not_after", lookup_expr="lt")

    class Meta:
        model = Certificate
        fields = ("purpose", "subject_id", "fingerprint")
