"""Where pages of endpoints stand that belong to no model."""

from __future__ import annotations

from django.contrib import admin
from django.urls import path

from console.endpoints.label_pages import show_labelling
from console.endpoints.reach_pages import save_role_reach

urlpatterns = [
    path("endpoints/labelling/", admin.site.admin_view(show_labelling), name="endpoints-labelling"),
    path(
        "roles/<int:role_id>/reach/",
        admin.site.admin_view(save_role_reach),
        name="endpoints-role-reach",
    ),
]
