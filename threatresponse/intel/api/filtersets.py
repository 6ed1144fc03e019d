"""By what intel documents can be filtered."""

from __future__ import annotations

from django_filters import rest_framework as filters

from threatresponse.intel.models import IntelDocument


class IntelFilterSet(filters.FilterSet):
    """`name` is a part of the name; `is_deployed` tells whether endpoints have it."""

    name = filters.CharFilter(lookup_expr="icontains", max_length=255)
    type = filters.ChoiceFilter(choices=IntelDocument.Type.choices)
    is_deployed = filters.BooleanFilter()

    class Meta:
        model = IntelDocument
        fields: tuple[str, ...] = ()
