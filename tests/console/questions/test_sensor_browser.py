"""The editor of sensors in a browser: a test run, its rows, and what is not lost."""

from __future__ import annotations

import shutil
import time
from collections.abc import AsyncIterator
from uuid import UUID

import pytest
import redis
from asgiref.sync import sync_to_async
from playwright.async_api import Dialog, Page, async_playwright, expect

from console.access.models import User
from console.core.redis import client as redis_client
from console.endpoints.presence import queue_heard
from console.questions.answers import record_answers
from console.questions.models import Question, Sensor
from tests.console.computers import prepare_console
from tests.console.questions import scene
from tests.console.questions.browsing import static_file
from tests.directconnect.people import session_cookie_of
from tests.e2e.browser import ARGUMENTS
from tests.live_console import live_console

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow, pytest.mark.browser]

WAITS = 60_000
expect.set_options(timeout=WAITS)


def _prepared(valkey: redis.Redis) -> User:
    valkey.flushdb()
    prepare_console()
    [endpoint] = scene.endpoints(1)
    with redis_client() as connection:
        pipeline = connection.pipeline()
        queue_heard(pipeline, {endpoint: time.time()}, gateway="one")
        pipeline.execute()
    ada = scene.administrator()
    User.objects.filter(pk=ada.pk).update(is_staff=True)
    return User.objects.get(pk=ada.pk)


def _answer_trial() -> None:
    question = Question.objects.get(source=Question.Source.TEST)
    endpoint: UUID = question.targets.get().endpoint_id
    record_answers([scene.answer(question, endpoint, [["/", "5"], ["/home", "7"]])])


@pytest.fixture
async def page(valkey: redis.Redis) -> AsyncIterator[Page]:
    """Open the editor of a new sensor; one endpoint is online."""
    chromium = shutil.which("chromium")
    assert chromium is not None
    ada = await sync_to_async(_prepared)(valkey)
    async with live_console() as console, async_playwright() as playwright:
        name, value = (await sync_to_async(session_cookie_of)(ada)).split("=", 1)
        browser = await playwright.chromium.launch(executable_path=chromium, args=[*ARGUMENTS])
        context = await browser.new_context(ignore_https_errors=True)
        context.set_default_timeout(WAITS)
        await context.add_cookies([{"name": name, "value": value, "url": console.origin}])
        await context.route("**/static/**", static_file)
        shown = await context.new_page()
        await shown.goto(f"{console.origin}/sensors/add/")
        await expect(shown.locator("#trial-endpoint option")).to_have_text("host-00000 (linux)")
        yield shown
        await browser.close()


class TestEditor:
    async def test_runs_a_test_shows_its_rows_and_saves(self, page: Page) -> None:
        await page.click("text=Shell")
        await page.click("#insert-example")
        await page.fill("#f-name", "Quirky Room")
        await page.click("#trial-run")
        await expect(page.locator("#trial-standing")).to_contain_text("s so far")
        await sync_to_async(_answer_trial)()

        await expect(page.locator("#trial-standing")).to_contain_text("2 rows from host-00000")
        await expect(page.locator("#trial-answer tbody tr")).to_have_count(2)
        assert not await Sensor.objects.exclude(language="").aexists()

        await page.click("#save")
        await expect(page.locator("text=Ask this")).to_be_visible()
        sensor = await Sensor.objects.aget(name="Quirky Room")
        assert [column["name"] for column in sensor.columns] == ["Mount", "Free"]

    async def test_shows_what_is_wrong_at_its_field_until_it_is_mended(self, page: Page) -> None:
        await page.click("#save")

        await expect(page.locator("[data-error=name]")).to_have_text("This is needed.")
        await expect(page.locator("[data-error='columns.0.name']")).to_have_text("This is needed.")
        await page.fill("#f-name", "Q")
        await expect(page.locator("[data-error=name]")).to_be_empty()

    async def test_asks_before_what_was_typed_is_lost(self, page: Page) -> None:
        asked: list[str] = []

        async def stay(dialog: Dialog) -> None:
            asked.append(dialog.type)
            await dialog.accept()

        page.on("dialog", stay)
        await page.fill("#f-name", "Quirky Room")
        await page.click("text=Cancel")
        await page.wait_for_url("**/sensors/")

        assert asked == ["beforeunload"]
