"""HTTP applications for endpoints: none of the console's own pages can be reached through them.

`public_application` is for port 17443, without client certificates; `endpoint_application` for
the HTTP side of port 17475, where `scope["extensions"]["tls"]` holds the client certificate.
Import this module after `django.setup()`.
"""

from __future__ import annotations

import http
import json
from io import BytesIO
from typing import Any, Final

from django.core.exceptions import RequestAborted
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.exception import convert_exception_to_response

from console.core.problems import MEDIA_TYPE, problem

# A signing request and a platform are below 8 KiB. Django itself would store a body of any length
# on the disk before a view could refuse it.
BODY_BYTES: Final = 64 * 1024


class _BodyTooLong(Exception):
    """The body is longer than `BODY_BYTES`; the rest of it was not read."""


class EndpointHandler(ASGIHandler):
    """Django's handler with addresses of its own, for bodies of a known small length."""

    def __init__(self, urlconf: str) -> None:
        super().__init__()
        self._urlconf = urlconf

    async def handle(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one request; 413 as soon as its body is too long."""
        try:
            await super().handle(scope, receive, send)
        except _BodyTooLong:
            await _refuse_long_body(send)

    async def read_body(self, receive: Any) -> Any:
        """Read the body into memory. Raises RequestAborted when the peer went away."""
        body = BytesIO()
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise RequestAborted
            body.write(message.get("body", b""))
            if body.tell() > BODY_BYTES:
                raise _BodyTooLong
            if not message.get("more_body", False):
                body.seek(0)
                return body

    def load_middleware(self, is_async: bool = False) -> None:
        """Load none: no login session, no page and no static file is served to endpoints."""
        self._view_middleware: list[Any] = []
        self._template_response_middleware: list[Any] = []
        self._exception_middleware: list[Any] = []
        respond = self._get_response_async  # type: ignore[attr-defined] # missing in the stubs
        self._middleware_chain = convert_exception_to_response(respond)

    def create_request(self, scope: Any, body_file: Any) -> Any:
        """Make the request, bound to this handler's addresses."""
        request, refusal = super().create_request(scope, body_file)
        if request is not None:
            request.urlconf = self._urlconf
        return request, refusal


async def _refuse_long_body(send: Any) -> None:
    status = http.HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    detail = f"The body is longer than {BODY_BYTES} bytes."
    content = json.dumps(problem(status, "Request too large", detail)).encode()
    headers = [
        (b"content-type", MEDIA_TYPE.encode()),
        (b"content-length", str(len(content)).encode()),
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": content})


public_application: Final = EndpointHandler("console.endpoints.public_urls")
endpoint_application: Final = EndpointHandler("console.endpoints.endpoint_urls")
