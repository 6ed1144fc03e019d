"""Where the pages of sensors and content sets stand, and what the editor fetches."""

from __future__ import annotations

from django.contrib import admin
from django.urls import path

from console.questions import content_set_pages, sensor_editor, sensor_pages, sensor_trials

_page = admin.site.admin_view

urlpatterns = [
    path("sensors/", _page(sensor_pages.list_sensors), name="sensors"),
    path("sensors/add/", _page(sensor_editor.add_sensor), name="sensor-add"),
    path("sensors/trial/", _page(sensor_trials.start_trial), name="sensor-trial"),
    path(
        "sensors/trial/endpoints/",
        _page(sensor_trials.list_endpoints),
        name="sensor-trial-endpoints",
    ),
    path(
        "sensors/trial/<uuid:question_id>/",
        _page(sensor_trials.show_outcome),
        name="sensor-trial-outcome",
    ),
    path(
        "sensors/trial/<uuid:question_id>/stop/",
        _page(sensor_trials.stop_trial),
        name="sensor-trial-stop",
    ),
    path("sensors/<int:sensor_id>/", _page(sensor_pages.show_sensor), name="sensor"),
    path("sensors/<int:sensor_id>/change/", _page(sensor_editor.change), name="sensor-change"),
    path("sensors/<int:sensor_id>/retire/", _page(sensor_pages.retire), name="sensor-retire"),
    path(
        "sensors/<int:sensor_id>/place/",
        _page(content_set_pages.place_sensor),
        name="sensor-place",
    ),
    path(
        "sensors/<int:sensor_id>/versions/<int:number>/",
        _page(sensor_pages.show_version),
        name="sensor-version",
    ),
    path("content-sets/", _page(content_set_pages.list_content_sets), name="content-sets"),
    path("content-sets/add/", _page(content_set_pages.add_content_set), name="content-set-add"),
    path(
        "content-sets/<int:content_set_id>/",
        _page(content_set_pages.show_content_set),
        name="content-set",
    ),
    path(
        "content-sets/<int:content_set_id>/delete/",
        _page(content_set_pages.remove_content_set),
        name="content-set-delete",
    ),
]
