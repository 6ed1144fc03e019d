"""The search of the navigation: Unfold's own, but for page numbers that are none."""

from __future__ import annotations

import pytest
import redis
from django.urls import reverse

from tests.console.pages import browser, text_of

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def nothing_cached(valkey: redis.Redis) -> None:
    valkey.flushdb()


class TestSearch:
    def test_finds_what_the_user_may_open(self) -> None:
        client = browser("endpoints.view_endpoint")

        assert "/endpoints/endpoint/" in text_of(client.get("/search/", {"s": "endpoint"}))
        assert "/access/user/" not in text_of(client.get("/search/", {"s": "user"}))

    @pytest.mark.parametrize("page", ["x", "0", "-1", "2", "1.5", "", "9" * 5000, "\0"])
    def test_has_no_page_that_is_not_there(self, page: str) -> None:
        client = browser("endpoints.view_endpoint")

        response = client.get("/search/", {"s": "endpoint", "page": page, "extended": "1"})

        assert response.status_code == 404

    def test_stands_where_unfold_looks_for_its_own(self) -> None:
        assert reverse("admin:search") == "/search/"
