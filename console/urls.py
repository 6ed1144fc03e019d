"""The addresses of the web console and its API. Modules add theirs through `console.modules`."""

from __future__ import annotations

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path, re_path

from console.access.views import OwnPasswordView
from console.core.api.schema import DocumentationView, SchemaView, no_such_address
from console.core.views import search_navigation, show_first_list, show_health
from console.modules import modules

_api: list[URLPattern | URLResolver] = [
    path("", include("console.access.api.urls")),
    path("", include("console.audit.api.urls")),
    path("", include("console.certificates.api.urls")),
    path("", include("console.endpoints.api.urls")),
    *(path("", include(module.api_urls)) for module in modules() if module.api_urls),
    path("schema/", SchemaView.as_view(), name="schema"),
    path("docs/", DocumentationView.as_view(), name="api-documentation"),
    re_path("", no_such_address),
]

_apps = sorted({model._meta.app_label for model in admin.site._registry})

urlpatterns: list[URLPattern | URLResolver] = [
    path("healthz/", show_health, name="health"),
    path("api/v1/", include(_api)),
    *(path("", include(module.page_urls)) for module in modules() if module.page_urls),
    # In the place of the admin's own, which would tell neither the audit log nor API tokens.
    path("password_change/", admin.site.admin_view(OwnPasswordView.as_view())),
    # Unfold's own fails on a page number that is none.
    path("search/", admin.site.admin_view(search_navigation)),
    # Django's own lists the models by their names in the code.
    re_path(rf"^(?P<app_label>{'|'.join(_apps)})/$", admin.site.admin_view(show_first_list)),
    path("", admin.site.urls),
]
