"""By what alerts can be filtered."""

from __future__ import annotations

from django.db.models import Q, QuerySet, TextField
from django.db.models.functions import Cast
from django_filters import rest_framework as filters

from threatresponse.alerts.models import Alert


class AlertFilterSet(filters.FilterSet):
    """`state` may be repeated; `technique` covers its sub-techniques; `since` is when received."""

    state = filters.MultipleChoiceFilter(choices=Alert.State.choices)
    endpoint = filters.UUIDFilter(field_name="endpoint_id")
    intel = filters.UUIDFilter(field_name="intel_id")
    technique = filters.CharFilter(method="with_technique", max_length=9)
    since = filters.IsoDateTimeFilter(field_name="received_at", lookup_expr="gte")

    class Meta:
        model = Alert
        fields: tuple[str, ...] = ()

    def with_technique(self, alerts: QuerySet[Alert], name: str, value: str) -> QuerySet[Alert]:
        """Keep the alerts of rules with this technique or one of its sub-techniques."""
        # SQLite cannot look into JSON by `contains`; the ids have a form that needs no escaping.
        wanted = value.upper()
        return alerts.annotate(technique_text=Cast("techniques", TextField())).filter(
            Q(technique_text__contains=f'"{wanted}"') | Q(technique_text__contains=f'"{wanted}.')
        )
