"""Turn every error of the API into a problem document (RFC 9457)."""

from __future__ import annotations

import http
import logging
from collections.abc import Iterator, Mapping
from typing import Any, Final

import redis
from django.core.exceptions import BadRequest, PermissionDenied, SuspiciousOperation
from django.core.signals import got_request_exception
from django.http import Http404
from rest_framework import exceptions
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import set_rollback

from console.core.exceptions import VedetteError
from console.core.problems import MEDIA_TYPE, problem, problem_of
from console.core.redis_away import redis_away

# Where an error belongs to no single field, in the request's body or in a list of it.
WHOLE: Final = "request"

_log: Final = logging.getLogger(__name__)


def problem_from(error: Exception, context: Mapping[str, Any]) -> Response:
    """Answer with the problem that an error is; of an unexpected one only the log says more."""
    if isinstance(error, redis.RedisError):
        request = context["request"]
        error = redis_away(error, method=request.method, path=request.path)
    if isinstance(error, VedetteError):
        set_rollback()
        return _answer(error.status, problem_of(error), _retry_header(error))
    if isinstance(error, Http404):
        error = exceptions.NotFound()
    elif isinstance(error, PermissionDenied):
        error = exceptions.PermissionDenied()
    elif isinstance(error, (BadRequest, SuspiciousOperation)):
        error = exceptions.ParseError()
    set_rollback()
    if isinstance(error, exceptions.APIException):
        return _from_framework(error)
    return _failure(error, context["request"])


def _failure(error: Exception, request: Request) -> Response:
    _log.error("%s %s failed", request.method, request.path, exc_info=error)
    # As Django does for its own views: its test client raises the error again upon this.
    got_request_exception.send(sender=problem_from, request=request._request)
    status = http.HTTPStatus.INTERNAL_SERVER_ERROR
    detail = "This is a fault of the console; the log of its program `web` says which."
    return _answer(status, problem(status, "Internal server error", detail))


def _from_framework(error: exceptions.APIException) -> Response:
    title = http.HTTPStatus(error.status_code).phrase.capitalize()
    headers: dict[str, str] = {}
    if isinstance(error, (exceptions.NotAuthenticated, exceptions.AuthenticationFailed)):
        headers["WWW-Authenticate"] = str(getattr(error, "auth_header", "Token"))
    if isinstance(error, exceptions.ValidationError):
        errors = dict(_by_field(error.detail))
        detail = "Some of what was sent is wrong."
        return _answer(error.status_code, problem(400, "Invalid input", detail, errors=errors))
    return _answer(error.status_code, problem(error.status_code, title, str(error.detail)), headers)


def _by_field(detail: Any, name: str = "") -> Iterator[tuple[str, list[str]]]:
    """Flatten nested errors: the error of `b` in the third item of `a` is that of `a.2.b`."""
    if isinstance(detail, Mapping):
        for key, value in detail.items():
            inner = WHOLE if key == "non_field_errors" else str(key)
            yield from _by_field(value, f"{name}.{inner}" if name else inner)
    elif isinstance(detail, list) and any(isinstance(item, (dict, list)) for item in detail):
        for number, item in enumerate(detail):
            yield from _by_field(item, f"{name}.{number}" if name else str(number))
    else:
        texts = detail if isinstance(detail, list) else [detail]
        if texts:
            yield name or WHOLE, [str(text) for text in texts]


def _retry_header(error: VedetteError) -> dict[str, str]:
    seconds = getattr(error, "retry_after", None)
    return {"Retry-After": str(seconds)} if seconds is not None else {}


def _answer(
    status: int, document: dict[str, Any], headers: Mapping[str, str] | None = None
) -> Response:
    return Response(document, status=status, content_type=MEDIA_TYPE, headers=dict(headers or {}))
