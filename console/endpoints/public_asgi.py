"""HTTP applications for endpoints: none of the console's own pages can be reached through them.

`public_application` is for port 17443, without client certificates; `endpoint_application` for
the HTTP side of port 17475, where `scope["extensions"]["tls"]` holds the client certificate.
Import this module after `django.setup()`.
"""

from __future__ import annotations

from typing import Any, Final

from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.exception import convert_exception_to_response

from console.core.bodies import BoundedBodies
from console.core.redis_away import answer_redis_away

# A signing request and a platform are below 8 KiB.
BODY_BYTES: Final = 64 * 1024


class EndpointHandler(ASGIHandler):
    """Django's handler with addresses of its own."""

    def __init__(self, urlconf: str) -> None:
        super().__init__()
        self._urlconf = urlconf

    def load_middleware(self, is_async: bool = False) -> None:
        """Load none: no login session, no page and no static file is served to endpoints."""
        self._view_middleware: list[Any] = []
        self._template_response_middleware: list[Any] = []
        self._exception_middleware: list[Any] = [answer_redis_away]
        respond = self._get_response_async  # type: ignore[attr-defined] # missing in the stubs
        self._middleware_chain = convert_exception_to_response(respond)

    def create_request(self, scope: Any, body_file: Any) -> Any:
        """Make the request, bound to this handler's addresses."""
        request, refusal = super().create_request(scope, body_file)
        if request is not None:
            request.urlconf = self._urlconf
        return request, refusal


public_application: Final = BoundedBodies(
    EndpointHandler("console.endpoints.public_urls"), limit=BODY_BYTES
)
endpoint_application: Final = BoundedBodies(
    EndpointHandler("console.endpoints.endpoint_urls"), limit=BODY_BYTES
)
