"""Instants are told in UTC, and in the zone of whoever points at them."""

from __future__ import annotations

import re
import shutil
from datetime import UTC, datetime
from typing import Any

import pytest
from django.conf import settings
from django.core.exceptions import ValidationError
from django.test import RequestFactory
from playwright.sync_api import Page, sync_playwright

from console.access.models import User
from console.access.time_zones import zone_names
from console.core.navigation import instants_script
from tests.console.api_client import api_client, make_administrator, make_user
from tests.console.pages import browser, text_of
from tests.e2e.browser import ARGUMENTS

WARSAW = "Europe/Warsaw"
SCRIPT = settings.BASE_DIR / "static" / "console" / "instants.js"
# The clocks of Warsaw are an hour ahead in winter and two in summer.
PAGE = """
<time id="time" datetime="2026-11-30T20:05:01Z" title="the title">5 minutes ago</time>
<p id="text">Revoked 2026-07-01 23:30:00 UTC, enrolled 2026-01-01 00:00 UTC.</p>
<p id="none">Nothing.</p>
<script src="/static/instants.js?zone=ZONE"></script>
"""


class TestZones:
    def test_begin_with_utc_and_have_regions(self) -> None:
        assert zone_names()[0] == "UTC"
        assert WARSAW in zone_names()
        assert not any(name.startswith("Etc/") for name in zone_names())


@pytest.mark.django_db
class TestUsers:
    def test_get_a_zone_by_the_api_that_exists(self) -> None:
        ada = make_user("ada")
        api, address = api_client(make_administrator()), f"/api/v1/users/{ada.pk}/"

        refused = api.patch(address, {"time_zone": "Mars/Olympus"}, format="json")
        changed = api.patch(address, {"time_zone": WARSAW}, format="json")

        assert "time_zone" in refused.json()["errors"]
        assert (changed.status_code, changed.json()["time_zone"]) == (200, WARSAW)

    def test_get_a_zone_by_their_page(self) -> None:
        ada = make_user("ada", is_staff=True)
        client = browser(name="root", is_superuser=True)
        joined = {"date_joined_0": "2026-01-01", "date_joined_1": "00:00"}
        fields = {"username": "ada", "is_active": "on", "is_staff": "on", **joined}
        address = f"/access/user/{ada.pk}/change/"

        assert f'value="{WARSAW}"' in text_of(client.get(address))
        client.post(address, {**fields, "time_zone": "Mars/Olympus"})
        assert User.objects.get(pk=ada.pk).time_zone == "UTC"
        client.post(address, {**fields, "time_zone": WARSAW})
        assert User.objects.get(pk=ada.pk).time_zone == WARSAW
        client.post(address, fields)
        assert User.objects.get(pk=ada.pk).time_zone == WARSAW

    def test_joined_at_an_instant_that_says_its_zone(self) -> None:
        ada = make_user("ada")
        User.objects.filter(pk=ada.pk).update(date_joined=datetime(2026, 11, 30, 20, 5, tzinfo=UTC))

        page = text_of(
            browser(name="root", is_superuser=True).get(f"/access/user/{ada.pk}/change/")
        )

        assert "2026-11-30 20:05:00 UTC" in page

    def test_have_no_other_zone(self) -> None:
        with pytest.raises(ValidationError, match="no such time zone"):
            User(username="ada", time_zone="x").full_clean(exclude=["password"])

    def test_get_pages_that_know_their_zone(self) -> None:
        ada = make_user("ada", is_staff=True)
        request: Any = RequestFactory().get("/")
        request.user = ada
        assert instants_script(request).endswith("instants.js?zone=UTC")
        ada.time_zone = WARSAW

        assert instants_script(request).endswith("instants.js?zone=Europe%2FWarsaw")
        assert "instants.js?zone=UTC" in text_of(browser(name="bob").get("/"))


@pytest.mark.browser
class TestPointing:
    @pytest.mark.parametrize(
        ("zone", "element", "title"),
        [
            (WARSAW, "time", f"the title\n2026-11-30 21:05:01 {WARSAW}"),
            (WARSAW, "text", f"2026-07-02 01:30:00 {WARSAW}\n2026-01-01 01:00:00 {WARSAW}"),
            (WARSAW, "none", ""),
            ("UTC", "time", "the title"),
            ("UTC", "text", ""),
            ("Mars/Olympus", "time", "the title"),
        ],
    )
    def test_tells_an_instant_in_the_zone(self, zone: str, element: str, title: str) -> None:
        with sync_playwright() as playwright:
            chromium = playwright.chromium.launch(
                executable_path=shutil.which("chromium"), args=[*ARGUMENTS]
            )
            page = _page(chromium.new_page(), zone)
            page.hover(f"#{element}")
            page.hover("#none")
            page.hover(f"#{element}")

            assert (page.get_attribute(f"#{element}", "title") or "") == title
            chromium.close()


def _page(page: Page, zone: str) -> Page:
    failures: list[str] = []
    page.on("pageerror", lambda error: failures.append(str(error)))
    page.route(re.compile(r"/static/instants\.js"), lambda route: route.fulfill(path=SCRIPT))
    page.route(
        "**/page",
        lambda route: route.fulfill(body=PAGE.replace("ZONE", zone), content_type="text/html"),
    )
    page.goto("http://console.test/page")
    assert failures == []
    return page
