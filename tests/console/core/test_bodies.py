"""Bodies from strangers: as long and as deep as they like to send them."""

from __future__ import annotations

import json
import re
import uuid
from typing import Any

import pytest
import redis
from django.urls import get_resolver

from console.asgi import application
from console.core.bodies import BODY_BYTES, BoundedBodies
from console.endpoints.public_asgi import public_application
from tests.console.api_client import api_client, make_administrator
from tests.console.asgi_client import Answer, ask
from tests.permissions.registered import address_of, http_routes

pytestmark = pytest.mark.django_db

DEEP = "[" * 100_000
TOKEN = "/api/v1/auth/token/"
RESOURCES = sorted(
    (method, pattern)
    for method, pattern in http_routes("console.urls")
    if pattern.startswith("api/v1/") and method in {"POST", "PATCH"} and pattern != "api/v1/"
)


@pytest.fixture(autouse=True)
def empty_redis(valkey: redis.Redis) -> None:
    valkey.flushdb()


async def _echo(_scope: Any, receive: Any, send: Any) -> None:
    length, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        length, more = length + len(message["body"]), message["more_body"]
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": str(length).encode()})


def _ask(body: bytes, **headers: str) -> Answer:
    return ask(BoundedBodies(_echo, limit=50_000), "POST", "/", body=body, headers=headers)


class TestBoundedBodies:
    def test_pass_what_is_short_enough(self) -> None:
        assert _ask(b"x" * 50_000).body == b"50000"

    def test_refuse_what_turns_out_too_long(self) -> None:
        answer = _ask(b"x" * 50_001)

        assert answer.status == 413
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.headers["connection"] == "close"

    def test_refuse_what_says_that_it_is_too_long(self) -> None:
        assert _ask(b"", **{"Content-Length": "50001"}).status == 413

    @pytest.mark.parametrize("length", ["-1", "x", "", "٣"])
    def test_count_what_announces_nonsense(self, length: str) -> None:
        async def nonsense(scope: Any, receive: Any, send: Any) -> None:
            scope["headers"].append((b"content-length", length.encode()))
            await BoundedBodies(_echo, limit=10)(scope, receive, send)

        assert ask(nonsense, "POST", "/", body=b"x" * 11).status == 413
        assert ask(nonsense, "POST", "/", body=b"x" * 10).status == 200

    def test_guard_every_page_and_resource_of_the_console(self) -> None:
        http: Any = application
        body = b" " * (BODY_BYTES + 1)

        for path in ("/login/", TOKEN, "/nothing/"):
            assert ask(http, "POST", path, body=body).status == 413


class TestDeepBodies:
    @pytest.mark.parametrize(("method", "pattern"), RESOURCES)
    def test_are_an_error_of_whoever_sent_them(self, method: str, pattern: str) -> None:
        client = api_client(make_administrator())
        resolver = get_resolver("console.urls")
        converters = re.findall(r"<(\w+):", pattern)
        values = [str(uuid.UUID(int=0)) if each == "uuid" else "1" for each in converters]
        path = address_of(pattern, *values)
        assert resolver.resolve(path)

        answer = client.generic(method, path, DEEP, content_type="application/json")

        # Some look for the thing before the body: there is none.
        assert answer.status_code in {200, 204, 400, 404}
        assert path != TOKEN or answer.status_code == 400

    def test_are_refused_by_the_enrolment(self) -> None:
        assert ask(public_application, "POST", "/enrol", body=DEEP[:60_000].encode()).status == 400
        assert ask(public_application, "POST", "/enrol", body=DEEP.encode()).status == 413

    def test_are_refused_where_they_hide_in_an_object(self) -> None:
        body = b'{"token": "", "csr": "", "x": ' + DEEP[:60_000].encode()

        answer = ask(public_application, "POST", "/enrol", body=body)

        assert answer.status == 400
        assert "cannot be read" in json.loads(answer.body)["detail"]
