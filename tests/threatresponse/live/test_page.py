"""The page of a live session in a browser: what its script shows, and what it takes away."""

from __future__ import annotations

import mimetypes
import shutil
from collections.abc import AsyncIterator
from urllib.parse import unquote, urlsplit

import pytest
import redis
from asgiref.sync import sync_to_async
from django.contrib.staticfiles import finders
from playwright.async_api import Page, Route, async_playwright, expect

from tests.directconnect.people import session_cookie_of
from tests.directconnect.scene import Scene, open_scene
from tests.e2e.browser import ARGUMENTS
from tests.live_console import live_console

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow, pytest.mark.browser]

WAITS = 60_000
expect.set_options(timeout=WAITS)


async def _static_file(route: Route) -> None:
    """Give what `collectstatic` would have collected."""
    path = finders.find(unquote(urlsplit(route.request.url).path).removeprefix("/static/"))
    assert isinstance(path, str), route.request.url
    content_type, _ = mimetypes.guess_type(path)
    await route.fulfill(path=path, content_type=content_type or "text/plain")


@pytest.fixture
async def page(valkey: redis.Redis) -> AsyncIterator[Page]:
    """Open the page of a session whose endpoint has 1,200 events."""
    chromium = shutil.which("chromium")
    assert chromium is not None
    opened = await sync_to_async(open_scene)(valkey)
    async with live_console() as console, async_playwright() as playwright:
        scene = Scene(console, *opened)
        scene.user.is_staff = True
        await scene.user.asave()
        name, value = (await sync_to_async(session_cookie_of)(scene.user)).split("=", 1)
        browser = await playwright.chromium.launch(executable_path=chromium, args=[*ARGUMENTS])
        context = await browser.new_context(ignore_https_errors=True)
        context.set_default_timeout(WAITS)
        await context.add_cookies([{"name": name, "value": value, "url": console.origin}])
        await context.route("**/static/**", _static_file)
        shown = await context.new_page()
        await shown.goto(f"{console.origin}/live/{scene.session.pk}/")
        await scene.attach()
        await expect(shown.locator("#live")).to_have_attribute("data-total", "1200", timeout=WAITS)
        yield shown
        await browser.close()


async def _open_first_event(page: Page) -> None:
    await page.locator("#grid .slick-row", has_text="file").first.click()
    await expect(page.locator("#detail")).to_be_visible()


async def _search(page: Page, expression: str) -> None:
    if await page.locator("#expression").is_hidden():
        await page.click("#mode-text")
    await page.fill("#expression", expression)
    await page.click("#run-search")


class TestDetail:
    async def test_goes_with_the_events_of_the_search_before(self, page: Page) -> None:
        await _open_first_event(page)
        await _search(page, "wrong")

        await expect(page.locator("#search-error")).to_contain_text("no property")
        await expect(page.locator("#detail")).to_be_hidden()
        await expect(page.locator("#detail")).to_be_empty()

        await _search(page, "file.path is right")
        await _open_first_event(page)
        await _search(page, "silence")

        await expect(page.locator("#total")).to_have_text("0 events")
        await expect(page.locator("#detail")).to_be_hidden()
