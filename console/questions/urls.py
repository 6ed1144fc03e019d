"""Where the pages of questions stand, and what their scripts fetch."""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path

from console.questions import browser_answers, browser_language, browser_saved, views

_page = admin.site.admin_view

urlpatterns = [
    path("", include("console.questions.sensor_urls")),
    path("questions/", _page(views.show_ask_page), name="questions"),
    path("questions/ask/", _page(views.ask_question), name="question-ask"),
    path("questions/about/<uuid:endpoint_id>/", _page(views.ask_endpoint), name="question-about"),
    path("questions/sensors/", _page(browser_language.list_sensors), name="question-sensors"),
    path("questions/complete/", _page(browser_language.complete_text), name="question-complete"),
    path("questions/check/", _page(browser_language.check_text), name="question-check"),
    path("questions/build/", _page(browser_language.build_text), name="question-build"),
    path("saved-questions/", _page(browser_saved.list_saved), name="saved-questions"),
    path("saved-questions/add/", _page(browser_saved.add_saved), name="saved-question-add"),
    path("saved-questions/<int:saved_id>/", _page(browser_saved.show_saved), name="saved-question"),
    path(
        "saved-questions/<int:saved_id>/change/",
        _page(browser_saved.change_saved),
        name="saved-question-change",
    ),
    path(
        "saved-questions/<int:saved_id>/delete/",
        _page(browser_saved.delete_saved),
        name="saved-question-delete",
    ),
    path(
        "saved-questions/<int:saved_id>/ask/",
        _page(browser_saved.ask_saved),
        name="saved-question-ask",
    ),
    path("questions/<uuid:question_id>/", _page(views.show_question), name="question"),
    path(
        "questions/<uuid:question_id>/cancel/", _page(views.cancel_question), name="question-cancel"
    ),
    path("questions/<uuid:question_id>/again/", _page(views.ask_again), name="question-again"),
    path(
        "questions/<uuid:question_id>/progress/",
        _page(browser_answers.show_progress),
        name="question-progress",
    ),
    path(
        "questions/<uuid:question_id>/window/",
        _page(browser_answers.show_window),
        name="question-window",
    ),
    path(
        "questions/<uuid:question_id>/chart/",
        _page(browser_answers.show_chart),
        name="question-chart",
    ),
    path(
        "questions/<uuid:question_id>/givers/",
        _page(browser_answers.show_givers),
        name="question-givers",
    ),
    path(
        "questions/<uuid:question_id>/endpoint-rows/",
        _page(browser_answers.show_endpoint_rows),
        name="question-endpoint-rows",
    ),
    path(
        "questions/<uuid:question_id>/unanswered/",
        _page(browser_answers.show_unanswered),
        name="question-unanswered",
    ),
    path(
        "questions/<uuid:question_id>/further/",
        _page(browser_answers.write_further),
        name="question-further",
    ),
    path(
        "questions/<uuid:question_id>/changes/<uuid:earlier_id>/",
        _page(browser_answers.show_changes),
        name="question-changes",
    ),
    path(
        "questions/<uuid:question_id>/changes/<uuid:earlier_id>/endpoints/",
        _page(browser_answers.show_changed_endpoints),
        name="question-changed-endpoints",
    ),
]
