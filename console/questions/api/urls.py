"""Where questions, answers, exports, saved questions and sensors stand below `/api/v1/`."""

from __future__ import annotations

from django.urls import path
from rest_framework.routers import SimpleRouter

from console.questions.api.answer_views import AnswerViewSet
from console.questions.api.export_views import ExportViewSet
from console.questions.api.question_views import QuestionViewSet
from console.questions.api.saved_views import SavedQuestionViewSet
from console.questions.api.sensor_views import SensorViewSet

router = SimpleRouter(use_regex_path=False)
router.register("questions", QuestionViewSet, basename="question")
router.register("saved-questions", SavedQuestionViewSet, basename="saved-question")
router.register("sensors", SensorViewSet, basename="sensor")

_ONE = "questions/<uuid:pk>/"
_EXPORT = f"{_ONE}exports/<uuid:export_id>/"

urlpatterns = [
    *router.urls,
    path(f"{_ONE}rows/", AnswerViewSet.as_view({"get": "rows"})),
    path(f"{_ONE}endpoint-rows/", AnswerViewSet.as_view({"get": "endpoint_rows"})),
    path(f"{_ONE}rows/<int:row_id>/endpoints/", AnswerViewSet.as_view({"get": "row_endpoints"})),
    path(f"{_ONE}unanswered/", AnswerViewSet.as_view({"get": "unanswered"})),
    path(f"{_ONE}comparison/", AnswerViewSet.as_view({"get": "comparison"})),
    path(f"{_ONE}exports/", ExportViewSet.as_view({"get": "list", "post": "create"})),
    path(_EXPORT, ExportViewSet.as_view({"get": "retrieve"})),
    path(f"{_EXPORT}cancel/", ExportViewSet.as_view({"post": "cancel"})),
    path(
        f"{_EXPORT}file/",
        ExportViewSet.as_view({"get": "file"}),
        name="question-export-file",
    ),
]
