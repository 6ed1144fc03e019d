"""The OpenAPI document, its page, and what stands at every other address of the API."""

from __future__ import annotations

import functools
from http import HTTPStatus
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView
from rest_framework.permissions import AllowAny
from rest_framework.request import Request

from console.core.problems import problem_response


class SchemaView(SpectacularAPIView):
    """The OpenAPI document; everybody may read it, as it is part of the published source."""

    permission_classes = (AllowAny,)
    authentication_classes = ()

    def get(self, request: Request, *_: Any, **__: Any) -> HttpResponse:
        """Return the document in the format that was asked for."""
        renderer = request.accepted_renderer
        return HttpResponse(
            _document(renderer.media_type),
            content_type=renderer.media_type,
            headers={"Cache-Control": "max-age=600"},
        )


@functools.cache
def _document(media_type: str) -> bytes:
    # It changes with the program only and takes long to make. Kept once for each of our own
    # renderers: kept by address, strangers could fill the memory with one copy for each query.
    generator: Any = SchemaGenerator
    schema = generator().get_schema(request=None, public=True)
    rendered: bytes = _renderer_of(media_type).render(schema, renderer_context={})
    return rendered


def _renderer_of(media_type: str) -> Any:
    return next(made() for made in SchemaView.renderer_classes if made.media_type == media_type)


class DocumentationView(SpectacularSwaggerSplitView):
    """Swagger UI with its script in a file of its own, as the content security policy asks."""

    url_name = "schema"
    permission_classes = (AllowAny,)
    authentication_classes = ()


@csrf_exempt
def no_such_address(_request: HttpRequest) -> HttpResponse:
    """Answer with a problem where the API has nothing; a browser's login page would help nobody."""
    return problem_response(HTTPStatus.NOT_FOUND, "There is nothing at this address.")
