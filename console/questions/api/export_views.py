"""Exports over REST: ask for a file, follow it, fetch it, give it up."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiResponse, extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from console.core.downloads import send_file
from console.core.exceptions import NotFound
from console.questions.api.base import QuestionResource, checked
from console.questions.export_formats import FORMATS
from console.questions.export_view import read_view
from console.questions.exports import cancel_export, create_export, exports_of, file_of
from console.questions.models import AnswerExport

EXAMPLE = OpenApiExample(
    "Filtered, for a spreadsheet",
    value={
        "format": "csv",
        "view": {
            "filters": [{"column": 0, "operator": "containing", "value": "web"}],
            "sort": [{"column": None, "descending": True}],
            "merged": True,
            "bom": True,
        },
    },
    request_only=True,
)
FILES = {
    (200, file_format.content_type.partition(";")[0]): OpenApiResponse(OpenApiTypes.BINARY)
    for file_format in FORMATS.values()
}


class ExportWantedSerializer(serializers.Serializer[Any]):
    """A file to be made."""

    format = serializers.ChoiceField(AnswerExport.Format.choices)
    view = serializers.JSONField(
        required=False,
        default=dict,
        help_text="`filters`, `search`, `sort`, `group_by` as the rows have them, with columns by "
        "number; `columns` (which, in which order; none: all), `merged` (false: the rows of each "
        "endpoint), `unanswered` (in their place who did not answer in full: `all` or a kind), and "
        "for CSV `bom` and `raw` (leave what looks like a formula as it is).",
    )


class ExportSerializer(serializers.ModelSerializer[AnswerExport]):
    """An export, and how far it is; `rows_total` is an upper bound until it is done."""

    download_url = serializers.SerializerMethodField()

    class Meta:
        model = AnswerExport
        fields = (
            "id",
            "question",
            "format",
            "view",
            "state",
            "rows_done",
            "rows_total",
            "file_name",
            "file_size",
            "error",
            "created_at",
            "finished_at",
            "download_url",
        )
        read_only_fields = fields

    def get_download_url(self, export: AnswerExport) -> str | None:
        """Return where the file is, once it is there."""
        if export.state != AnswerExport.State.DONE:
            return None
        path = reverse("question-export-file", args=(export.question_id, export.pk))
        return str(self.context["request"].build_absolute_uri(path))


class ExportViewSet(QuestionResource):
    """Answers as files, each for the user who asked for it, for a day.

    A file holds what its user may see when it is made. Whoever reaches other endpoints afterwards
    makes another one.
    """

    queryset = AnswerExport.objects.none()
    serializer_class = ExportSerializer
    pagination_class = None
    filter_backends = ()

    @extend_schema(
        request=ExportWantedSerializer, responses={201: ExportSerializer}, examples=[EXAMPLE]
    )
    def create(self, request: Request, pk: UUID) -> Response:
        """Make a file: up to 10,000 rows at once, more by a job."""
        question = self.question(pk)
        sent = checked(ExportWantedSerializer(data=request.data))
        export = create_export(
            question,
            form=sent["format"],
            view=read_view(sent["view"]),
            user=self.user(),
            actor=self.actor(),
            now=timezone.now(),
        )
        return self._answer(export, status.HTTP_201_CREATED)

    def list(self, request: Request, pk: UUID) -> Response:
        """List the files that one has of this question."""
        found = exports_of(self.user()).filter(question=self.question(pk))
        context = {"request": request}
        return Response(ExportSerializer(found[:100], many=True, context=context).data)

    def retrieve(self, request: Request, pk: UUID, export_id: UUID) -> Response:
        """Show how far an export is."""
        return self._answer(self._export(pk, export_id))

    @extend_schema(request=None, responses=ExportSerializer)
    def cancel(self, request: Request, pk: UUID, export_id: UUID) -> Response:
        """Give up an export that is under way."""
        export = self._export(pk, export_id)
        cancel_export(export, now=timezone.now())
        export.refresh_from_db()
        return self._answer(export)

    @extend_schema(responses=FILES)
    def file(self, request: Request, pk: UUID, export_id: UUID) -> HttpResponseBase:
        """Fetch the file; parts of it with `Range`."""
        made = file_of(self._export(pk, export_id), self.user())
        response = send_file(
            request._request, made.path, content_type=made.content_type, tag=made.tag
        )
        response["Content-Disposition"] = f'attachment; filename="{made.name}"'
        response["Cache-Control"] = "private, no-store"
        return response

    def _export(self, question_id: UUID, export_id: UUID) -> AnswerExport:
        question = self.question(question_id)
        export = exports_of(self.user()).filter(pk=export_id, question=question).first()
        if export is None:
            raise NotFound("There is no such export.")
        return export

    def _answer(self, export: AnswerExport, code: int = status.HTTP_200_OK) -> Response:
        shown = ExportSerializer(export, context={"request": self.request}).data
        return Response(shown, status=code)
