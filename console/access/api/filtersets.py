"""What the list of users can be narrowed by."""

from __future__ import annotations

import django_filters

from console.access.models import User


class UserFilterSet(django_filters.FilterSet):
    """`search` looks into user names."""

    search = django_filters.CharFilter(field_name="username", lookup_expr="icontains")

    class Meta:
        model = User
        fields = ("username", "is_active", "is_staff", "is_superuser")
