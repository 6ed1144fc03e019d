"""Intel documents over REST."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, Final

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from console.core.api.views import ResourceViewSet
from detection.signals.coverage import warnings_about
from detection.signals.expression import counted_terms
from detection.signals.parser import DEFAULT_TERM_LIMIT
from threatresponse.intel.api.filtersets import IntelFilterSet
from threatresponse.intel.api.serializers import (
    DefinitionSerializer,
    IntelSerializer,
    SignalSerializer,
    VerdictSerializer,
)
from threatresponse.intel.definitions import compile_definition
from threatresponse.intel.exceptions import DefinitionRefused, IntelChanged
from threatresponse.intel.models import IntelDocument
from threatresponse.intel.selectors import intel_visible_to
from threatresponse.intel.services import SignalDraft, create_intel, delete_intel, update_intel

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_ENTITY_TAG: Final = re.compile(r'"([0-9]{1,17})"', re.ASCII)


class IntelViewSet(ResourceViewSet, ListModelMixin, RetrieveModelMixin):
    """Rules and indicators. A change with `If-Match` fails when somebody was faster (412)."""

    serializer_class = IntelSerializer
    filterset_class = IntelFilterSet
    lookup_value_converter = "uuid"
    page_order = ("-created_at", "id")
    required_permissions: ClassVar[dict[str, str]] = {
        "list": "intel.view_inteldocument",
        "retrieve": "intel.view_inteldocument",
        "check_definition": "intel.view_inteldocument",
        "create": "intel.add_inteldocument",
        "partial_update": "intel.change_inteldocument",
        "destroy": "intel.delete_inteldocument",
    }

    def get_queryset(self) -> Any:
        """Return what the user may see."""
        return intel_visible_to(self.request.user)

    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Return one document with its ETag."""
        return self._shown(self.get_object())

    @extend_schema(request=SignalSerializer, responses={201: IntelSerializer})
    def create(self, request: Request) -> Response:
        """Store a new Signal. A text that is refused is answered with its line and column."""
        sent = _checked(SignalSerializer(data=request.data))
        sent.pop("type")
        document = create_intel(SignalDraft(**sent), actor=self.actor(), now=timezone.now())
        return self._shown(document, status.HTTP_201_CREATED)

    @extend_schema(request=SignalSerializer, responses=IntelSerializer)
    def partial_update(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Change what is sent of a document."""
        document: IntelDocument = self.get_object()
        sent = _checked(SignalSerializer(data=request.data, partial=True))
        sent.pop("type", None)
        document = update_intel(
            document,
            replace(SignalDraft.of(document), **sent),
            read_at=_read_at(request, document),
            actor=self.actor(),
            now=timezone.now(),
        )
        return self._shown(document)

    def destroy(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Delete a document that is not deployed."""
        delete_intel(self.get_object(), actor=self.actor(), now=timezone.now())
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(request=DefinitionSerializer, responses=VerdictSerializer)
    @action(detail=False, methods=["post"], url_path="validate", pagination_class=None)
    def check_definition(self, request: Request) -> Response:
        """Tell whether a text is a usable Signal; nothing is stored."""
        sent = _checked(DefinitionSerializer(data=request.data))
        platforms = sent.get("platforms", ())
        try:
            compiled = compile_definition(sent["definition"], platforms=platforms)
        except DefinitionRefused as refusal:
            return Response({"valid": False, **refusal.place})
        return Response(
            {
                "valid": True,
                "terms": sum(1 for _ in counted_terms(compiled.expression)),
                "term_limit": DEFAULT_TERM_LIMIT,
                "kinds": compiled.kinds,
                "warnings": warnings_about(compiled.expression, platforms),
            }
        )

    def handle_exception(self, exc: Exception) -> Response:
        """Add the place in the text to the problem of a refused definition."""
        response = super().handle_exception(exc)
        if isinstance(exc, DefinitionRefused) and isinstance(response.data, dict):
            response.data.update(exc.place)
        return response

    def _shown(self, document: IntelDocument, code: int = status.HTTP_200_OK) -> Response:
        shown = IntelSerializer(document).data
        return Response(shown, status=code, headers={"ETag": entity_tag(document)})


def entity_tag(document: IntelDocument) -> str:
    """Return the ETag of a document as it is now."""
    return f'"{(document.changed_at - _EPOCH) // _MICROSECOND}"'


def _read_at(request: Request, document: IntelDocument) -> datetime:
    tag = request.headers.get("If-Match", "*").strip()
    if tag == "*":
        # Even without the header, nothing is overwritten that came between reading and writing.
        return document.changed_at
    match = _ENTITY_TAG.fullmatch(tag)
    if match is None:
        raise IntelChanged("If-Match does not hold an ETag of this document.")
    return _EPOCH + int(match[1]) * _MICROSECOND


def _checked(serializer: Any) -> dict[str, Any]:
    serializer.is_valid(raise_exception=True)
    return dict(serializer.validated_data)
