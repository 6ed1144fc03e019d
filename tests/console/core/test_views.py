"""Pages of no app: the search of the navigation, and what the bare address of an app leads to."""

from __future__ import annotations

import pytest
import redis
from django.test import Client
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


class TestBareAddressOfAnApp:
    @pytest.mark.parametrize(
        ("permission", "address", "leads_to"),
        [
            ("alerts.view_alert", "/alerts/", "/alerts/alert/"),
            ("endpoints.view_endpoint", "/endpoints/", "/endpoints/endpoint/"),
            ("endpoints.view_label", "/endpoints/", "/endpoints/label/"),
            (None, "/endpoints/", "/endpoints/endpoint/"),
        ],
    )
    def test_leads_to_its_first_list_one_may_see(
        self, permission: str | None, address: str, leads_to: str
    ) -> None:
        client = browser(permission) if permission else browser(name="root", is_superuser=True)

        answer = client.get(address)

        assert (answer.status_code, answer.get("Location")) == (302, leads_to)

    def test_is_not_there_for_who_may_see_none(self) -> None:
        assert browser("endpoints.view_endpoint").get("/audit/").status_code == 404

    def test_asks_a_stranger_to_log_in(self) -> None:
        answer = Client().get("/alerts/")

        assert (answer.status_code, answer["Location"]) == (302, "/login/?next=/alerts/")
