from __future__ import annotations

from typing import Any

import pytest
from django.http import HttpRequest
from django.test import RequestFactory

from console.access.models import User
from console.core.navigation import GROUPS, OWN_ENTRIES, sidebar
from console.modules import modules
from tests.console.api_client import make_administrator, make_user

pytestmark = pytest.mark.django_db


def request_of(user: User) -> HttpRequest:
    """Return a request of this user."""
    request = RequestFactory().get("/")
    request.user = user
    return request


def titles(groups: list[dict[str, Any]], request: HttpRequest) -> list[str]:
    """List what Unfold shows: the entries whose permission allows it."""
    return [
        item["title"]
        for group in groups
        for item in group["items"]
        if item.get("permission", lambda _request: True)(request)
    ]


class TestSidebar:
    def test_shows_an_administrator_everything_in_order(self) -> None:
        request = request_of(make_administrator())

        groups = sidebar(request)

        named = [group["title"] for group in groups if "title" in group]
        assert named == [name for name in GROUPS if name in named]
        assert len(titles(groups, request)) == 1 + len(OWN_ENTRIES) + sum(
            len(module.menu) for module in modules()
        )

    def test_shows_a_user_only_what_they_may_open(self) -> None:
        request = request_of(make_user("ada", "alerts.view_alert"))

        assert titles(sidebar(request), request) == ["Home", "Alerts"]

    def test_shows_a_user_without_rights_the_home_page_only(self) -> None:
        request = request_of(make_user())

        assert titles(sidebar(request), request) == ["Home"]
