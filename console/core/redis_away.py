"""What a request hears while Redis restarts: that it is away, and when to come again.

Nothing else is known to have failed, so this is no fault of the console. The API's own errors go
through `console.core.api.errors`; everything else that Django serves comes by here.
"""

from __future__ import annotations

import logging
from typing import Final

import redis
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.utils.deprecation import MiddlewareMixin

from console.core.exceptions import Unavailable
from console.core.problems import problem_response

# Seconds. The supervisor has an embedded one back in fewer.
RETRY_AFTER: Final = 5

_log: Final = logging.getLogger(__name__)


class RedisAway(Unavailable):
    """Redis does not answer."""

    retry_after = RETRY_AFTER


def redis_away(error: redis.RedisError, *, method: str | None, path: str) -> RedisAway:
    """Note what a request met, and return the refusal that it is answered with."""
    _log.warning("%s %s cannot reach Redis: %s: %s", method, path, type(error).__name__, error)
    return RedisAway("Redis does not answer at the moment. Try again in a few seconds.")


def answer_redis_away(request: HttpRequest, error: Exception) -> HttpResponse | None:
    """Answer a program with a problem; None for an error that is not Redis's."""
    if not isinstance(error, redis.RedisError):
        return None
    refusal = redis_away(error, method=request.method, path=request.path)
    headers = {"Retry-After": str(refusal.retry_after)}
    return problem_response(refusal.status, refusal.detail, title=refusal.title, headers=headers)


class RedisAwayMiddleware(MiddlewareMixin):
    """Answer a page's request with a page, and one of the API with a problem."""

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """Answer an error of Redis, and leave all others alone."""
        answer = answer_redis_away(request, error)
        if answer is None or request.path.startswith("/api/"):
            return answer
        page = render_to_string("503.html")
        return HttpResponse(page, status=answer.status_code, headers={"Retry-After": RETRY_AFTER})
