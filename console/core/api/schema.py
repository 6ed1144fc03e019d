"""The OpenAPI document, its page, and what stands at every other address of the API."""

from __future__ import annotations

from http import HTTPStatus

from django.http import HttpRequest, HttpResponse
from django.utils.decorators import method_decorator
from django.views.decorators.cache import cache_page
from django.views.decorators.csrf import csrf_exempt
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView
from rest_framework.permissions import AllowAny

from console.core.problems import problem_response

# It changes with the program only, and takes longer to make than any other answer.
_KEPT_FOR = 600


@method_decorator(cache_page(_KEPT_FOR, key_prefix="schema"), name="dispatch")
class SchemaView(SpectacularAPIView):
    """The OpenAPI document; everybody may read it, as it is part of the published source."""

    permission_classes = (AllowAny,)
    authentication_classes = ()


class DocumentationView(SpectacularSwaggerSplitView):
    """Swagger UI with its script in a file of its own, as the content security policy asks."""

    url_name = "schema"
    permission_classes = (AllowAny,)
    authentication_classes = ()


@csrf_exempt
def no_such_address(_request: HttpRequest) -> HttpResponse:
    """Answer with a problem where the API has nothing; a browser's login page would help nobody."""
    return problem_response(HTTPStatus.NOT_FOUND, "There is nothing at this address.")
