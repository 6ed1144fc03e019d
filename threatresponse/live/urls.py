"""Where the pages of live endpoints stand."""

from __future__ import annotations

from django.contrib import admin
from django.urls import path

from threatresponse.live import views

_page = admin.site.admin_view

urlpatterns = [
    path("live/", _page(views.list_sessions), name="live-sessions"),
    path("live/open/<uuid:endpoint_id>/", _page(views.open_live_session), name="live-open"),
    path("live/<uuid:session_id>/", _page(views.show_session), name="live-session"),
    path("live/<uuid:session_id>/close/", _page(views.close_live_session), name="live-close"),
]
