from __future__ import annotations

import pytest
import redis
from django.conf import settings
from django.test import Client

from tests.console.pages import browser, text_of

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def nobody_online(valkey: redis.Redis) -> None:
    valkey.flushdb()
    settings.STATIC_ROOT.mkdir(parents=True, exist_ok=True)


class TestHomePage:
    def test_leads_whoever_is_not_logged_in_to_the_login(self) -> None:
        response = Client().get("/")

        assert (response.status_code, response["Location"]) == (302, "/login/?next=/")

    def test_tells_a_user_without_rights_what_to_do(self) -> None:
        page = text_of(browser().get("/"))

        assert "Your account may not see anything yet." in page
        assert "What to do next" not in page

    def test_shows_a_user_only_what_they_may_see(self) -> None:
        page = text_of(browser("alerts.view_alert").get("/"))

        assert "Unresolved alerts" in page
        assert "Signals deployed" not in page

    def test_shows_an_administrator_what_to_do_next(self) -> None:
        page = text_of(browser(is_superuser=True).get("/"))

        for part in ("Unresolved alerts", "Signals deployed", "Watch an endpoint live"):
            assert part in page

    def test_has_no_script_in_the_page_itself_and_loads_nothing_from_elsewhere(self) -> None:
        page = text_of(browser(is_superuser=True).get("/"))

        assert 'src="http' not in page
        assert 'src="//' not in page
