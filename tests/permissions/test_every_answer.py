"""What every answer of the console says to browsers, and what no foreign page can make one do."""

from __future__ import annotations

import re

import pytest
from django.test import Client

from tests.permissions.registered import address_of
from tests.permissions.rule import Rule
from tests.permissions.rules import api_rules, page_rules
from tests.permissions.scene import BACKEND, Scene, administrator

pytestmark = pytest.mark.django_db

TABLE = [*api_rules(), *page_rules()]
READS = [(pattern, rule) for method, pattern, rule in TABLE if method == "GET"]
WRITES = [(method, pattern, rule) for method, pattern, rule in TABLE if method != "GET"]

# No cookie decides anything there: a password in the body does.
NEEDS_NO_CSRF_TOKEN = {"api/v1/auth/token/", "api/v1/"}

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}
INLINE_SCRIPT = re.compile(r"<script(?![^>]*\bsrc=)(?![^>]*type=\"application/json\")", re.I)
EVENT_ATTRIBUTE = re.compile(r"<[a-z][^>]*\son[a-z]+\s*=", re.I)
FOREIGN = re.compile(r"(?:src|href|action)=[\"'](?:https?:)?//", re.I)


def _address(scene: Scene, pattern: str, rule: Rule) -> str:
    return address_of(pattern, *(scene.things[name] for name in rule.values))


def _browser() -> Client:
    client = Client(enforce_csrf_checks=True)
    client.force_login(administrator(), BACKEND)
    return client


@pytest.mark.parametrize(
    ("pattern", "rule"), READS, ids=[pattern or "home" for pattern, _ in READS]
)
def test_carries_the_policy_and_keeps_it(scene: Scene, pattern: str, rule: Rule) -> None:
    path = _address(scene, pattern, rule)
    for client in (_browser(), Client()):
        response = client.get(path, secure=True)

        policy = response["Content-Security-Policy"]
        assert "default-src 'self'" in policy
        (scripts,) = re.findall(r"script-src ([^;]*)", policy)
        assert "'unsafe-inline'" not in scripts
        assert {name: response[name] for name in HEADERS} == HEADERS
        page = response.content.decode()
        if response["Content-Type"].startswith("text/html"):
            assert not INLINE_SCRIPT.findall(page)
            assert not EVENT_ATTRIBUTE.findall(page)
            assert not FOREIGN.findall(page)


@pytest.mark.parametrize(
    ("method", "pattern", "rule"),
    WRITES,
    ids=[f"{method}-{pattern or 'home'}" for method, pattern, _ in WRITES],
)
def test_obeys_no_form_of_a_foreign_page(
    scene: Scene, method: str, pattern: str, rule: Rule
) -> None:
    client = _browser()

    response = client.generic(
        method,
        _address(scene, pattern, rule),
        secure=True,
        headers={"Origin": "https://foreign.example"},
    )

    if pattern not in NEEDS_NO_CSRF_TOKEN:
        assert response.status_code == 403


@pytest.mark.parametrize("host", ["foreign.example", "localhost.foreign.example", "127.0.0.2"])
def test_answers_under_no_foreign_name(scene: Scene, host: str) -> None:
    for path in ("/login/", "/api/v1/endpoints/", "/healthz/"):
        response = Client().get(path, secure=True, headers={"Host": host})

        assert response.status_code == 400 or path == "/healthz/"
        assert "Content-Security-Policy" in response


@pytest.mark.parametrize("host", ["localhost:18443", "127.0.0.1:18443", "[::1]:18443", "[::1]"])
def test_answers_under_its_own_names_on_any_port(scene: Scene, host: str) -> None:
    assert Client().get("/login/", secure=True, headers={"Host": host}).status_code == 200


def test_cookies_are_for_this_site_only_and_travel_encrypted_only(scene: Scene) -> None:
    client = Client()

    cookies = client.get("/login/", secure=True).cookies

    assert cookies
    for cookie in cookies.values():
        assert cookie["secure"]
        assert cookie["samesite"] == "Lax"
        assert not cookie["domain"]
