"""What the list of endpoints can be narrowed by."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import django_filters
from django.contrib.auth.models import AnonymousUser
from django.db.models import Q, QuerySet
from django.utils import timezone

from console.core.redis import client
from console.endpoints.labels import labels_visible_to
from console.endpoints.models import ComputerGroup, Endpoint, Label
from console.endpoints.presence import all_online_ids
from console.endpoints.visible_groups import groups_visible_to


class EndpointFilterSet(django_filters.FilterSet):
    """`search` looks into host name, operating system and source address."""

    host_name = django_filters.CharFilter(lookup_expr="iexact")
    os = django_filters.ChoiceFilter(choices=Endpoint.OperatingSystem)
    agent_version = django_filters.CharFilter()
    revoked = django_filters.BooleanFilter(
        field_name="revoked_at", lookup_expr="isnull", exclude=True
    )
    online = django_filters.BooleanFilter(method="filter_online")
    seen_within = django_filters.NumberFilter(
        method="filter_seen_within", min_value=1, max_value=366 * 24 * 3600, label="seconds"
    )
    search = django_filters.CharFilter(method="filter_search")
    label = django_filters.CharFilter(method="filter_label")
    group = django_filters.NumberFilter(method="filter_group", label="id of a computer group")

    class Meta:
        model = Endpoint
        fields: tuple[str, ...] = ()

    def _user(self) -> Any:
        return AnonymousUser() if self.request is None else self.request.user

    def filter_online(
        self, queryset: QuerySet[Endpoint], _name: str, value: bool
    ) -> QuerySet[Endpoint]:
        """Keep the endpoints that are online now, or those that are not."""
        with client() as redis:
            online = all_online_ids(redis, now=timezone.now().timestamp())
        return queryset.filter(pk__in=online) if value else queryset.exclude(pk__in=online)

    def filter_seen_within(
        self, queryset: QuerySet[Endpoint], _name: str, value: Any
    ) -> QuerySet[Endpoint]:
        """Keep the endpoints that were heard in the last so many seconds."""
        return queryset.filter(last_seen_at__gte=timezone.now() - timedelta(seconds=float(value)))

    def filter_label(
        self, queryset: QuerySet[Endpoint], _name: str, value: str
    ) -> QuerySet[Endpoint]:
        """Keep the endpoints with this label."""
        labels = labels_visible_to(self._user()).filter(name__iexact=value)
        return queryset.filter(labels__in=labels.values("pk"))

    def filter_group(
        self, queryset: QuerySet[Endpoint], _name: str, value: Any
    ) -> QuerySet[Endpoint]:
        """Keep the members of this group."""
        groups = groups_visible_to(self._user()).filter(pk=int(value))
        return queryset.filter(memberships__group__in=groups.values("pk"))

    def filter_search(
        self, queryset: QuerySet[Endpoint], _name: str, value: str
    ) -> QuerySet[Endpoint]:
        """Keep the endpoints with this text in one of their names."""
        return queryset.filter(
            Q(host_name__icontains=value)
            | Q(os_name__icontains=value)
            | Q(source_address__startswith=value)
        )


class GroupFilterSet(django_filters.FilterSet):
    """`search` looks into names and descriptions."""

    kind = django_filters.ChoiceFilter(choices=ComputerGroup.Kind)
    search = django_filters.CharFilter(method="filter_search")

    class Meta:
        model = ComputerGroup
        fields: tuple[str, ...] = ()

    def filter_search(
        self, queryset: QuerySet[ComputerGroup], _name: str, value: str
    ) -> QuerySet[ComputerGroup]:
        """Keep the groups with this text in name or description."""
        return queryset.filter(Q(name__icontains=value) | Q(description__icontains=value))


class LabelFilterSet(django_filters.FilterSet):
    """`search` looks into names."""

    search = django_filters.CharFilter(field_name="name", lookup_expr="icontains")

    class Meta:
        model = Label
        fields: tuple[str, ...] = ()
