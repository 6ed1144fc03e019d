"""The addresses of the web console and its API. Modules add theirs through `console.modules`."""

from __future__ import annotations

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path

from console.modules import modules

urlpatterns: list[URLPattern | URLResolver] = [
    *(path("api/v1/", include(module.api_urls)) for module in modules() if module.api_urls),
    *(path("", include(module.page_urls)) for module in modules() if module.page_urls),
    path("", admin.site.urls),
]
