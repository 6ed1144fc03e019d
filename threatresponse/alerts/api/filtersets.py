"""By what alerts can be filtered."""

from __future__ import annotations

from django.db.models import QuerySet
from django_filters import rest_framework as filters

from threatresponse.alerts.models import Alert
from threatresponse.alerts.selectors import with_technique


class AlertFilterSet(filters.FilterSet):
    """`state` may be repeated; `technique` covers its sub-techniques; `since` is when received."""

    state = filters.MultipleChoiceFilter(choices=Alert.State.choices)
    endpoint = filters.UUIDFilter(field_name="endpoint_id")
    intel = filters.UUIDFilter(field_name="intel_id")
    technique = filters.CharFilter(method="narrow_to_technique", max_length=9)
    since = filters.IsoDateTimeFilter(field_name="received_at", lookup_expr="gte")

    class Meta:
        model = Alert
        fields: tuple[str, ...] = ()

    def narrow_to_technique(
        self, alerts: QuerySet[Alert], name: str, value: str
    ) -> QuerySet[Alert]:
        """Keep the alerts of rules with this technique or one of its sub-techniques."""
        return with_technique(alerts, value)
