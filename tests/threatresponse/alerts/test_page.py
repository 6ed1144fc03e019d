"""The list of alerts in a browser: what is raised while the page opens stands on it, too."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator

import pytest
import redis
from asgiref.sync import sync_to_async
from playwright.async_api import BrowserContext, Route, async_playwright, expect

from tests.console.computers import prepare_console
from tests.directconnect.people import session_cookie_of, user_with
from tests.e2e.browser import ARGUMENTS
from tests.live_console import LiveConsole, live_console
from tests.threatresponse.alerts.test_listing import stored
from tests.threatresponse.live.test_page import WAITS, _static_file

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow, pytest.mark.browser]


@pytest.fixture
async def console(valkey: redis.Redis) -> AsyncIterator[LiveConsole]:
    """Run the console's programs."""
    valkey.flushdb()
    await sync_to_async(prepare_console)()
    async with live_console() as running:
        yield running


@pytest.fixture
async def context(console: LiveConsole) -> AsyncIterator[BrowserContext]:
    """Log in with a browser."""
    chromium = shutil.which("chromium")
    assert chromium is not None
    user = await sync_to_async(user_with)("alerts.view_alert")
    user.is_staff = user.is_superuser = True
    await user.asave()
    name, value = (await sync_to_async(session_cookie_of)(user)).split("=", 1)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=[*ARGUMENTS])
        context = await browser.new_context(ignore_https_errors=True)
        await context.add_cookies([{"name": name, "value": value, "url": console.origin}])
        await context.route("**/static/**", _static_file)
        yield context
        await browser.close()


class TestAlertsPage:
    async def test_shows_what_was_raised_between_its_making_and_its_socket(
        self, console: LiveConsole, context: BrowserContext
    ) -> None:
        async def raise_first(route: Route) -> None:
            await sync_to_async(stored)()
            await _static_file(route)

        await context.route("**/static/alerts/list.js", raise_first)
        page = await context.new_page()

        await page.goto(f"{console.origin}/alerts/alert/")

        await expect(page.locator("#alerts")).to_have_attribute(
            "data-live", "connected", timeout=WAITS
        )
        await expect(page.locator("[data-alert]")).to_have_count(1, timeout=5_000)
