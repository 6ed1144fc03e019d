"""The page of a question in a browser: where its rows, its jobs and its silent endpoints lead."""

from __future__ import annotations

import csv
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
import redis
from asgiref.sync import sync_to_async
from django.conf import settings
from playwright.async_api import Page, async_playwright, expect

from console.access.models import User
from console.questions.answers import record_answers
from console.questions.models import Question, QuestionTarget
from protocol.questions import SensorFailure
from tests.console.computers import prepare_console
from tests.console.questions import scene
from tests.console.questions.browsing import static_file
from tests.directconnect.people import session_cookie_of
from tests.e2e.browser import ARGUMENTS
from tests.live_console import live_console

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow, pytest.mark.browser]

WAITS = 15_000
NO_SYSTEMD = SensorFailure(name="IP Address", reason="There is no systemd.")


def _prepared(valkey: redis.Redis) -> User:
    valkey.flushdb()
    settings.STATIC_ROOT.mkdir(parents=True, exist_ok=True)
    prepare_console()
    ada = scene.administrator()
    User.objects.filter(pk=ada.pk).update(is_staff=True)
    return User.objects.get(pk=ada.pk)


def _asked(user: User) -> Question:
    """Four endpoints: two say the same, one a part, one nothing."""
    ids = scene.endpoints(4)
    question = scene.asked(user)
    record_answers(
        [
            scene.answer(question, ids[0], [("web", "10.0.0.1")]),
            scene.answer(question, ids[1], [("web", "10.0.0.1")]),
            scene.answer(question, ids[2], [("db", "")], failures=[NO_SYSTEMD], cut=7),
        ]
    )
    return question


def _answer_last(question: Question) -> None:
    target = question.targets.get(state=QuestionTarget.State.WAITING)
    record_answers([scene.answer(question, target.endpoint_id, [("late", "10.0.0.4")])])


def _started(user: User) -> Question:
    """One endpoint that started a job."""
    ids = scene.endpoints(1)
    question = scene.asked(
        user, 'Get Incident Response - Search for Files["id_*", "job-17"] from all machines'
    )
    record_answers([scene.answer(question, ids[0], [("job-17", "running")])])
    return question


@pytest.fixture
async def user(valkey: redis.Redis) -> User:
    return await sync_to_async(_prepared)(valkey)


@pytest.fixture
async def page(user: User) -> AsyncIterator[Page]:
    """Open a browser at a console whose pages have no errors."""
    chromium = shutil.which("chromium")
    assert chromium is not None
    errors: list[str] = []
    async with live_console() as console, async_playwright() as playwright:
        name, value = (await sync_to_async(session_cookie_of)(user)).split("=", 1)
        browser = await playwright.chromium.launch(executable_path=chromium, args=[*ARGUMENTS])
        context = await browser.new_context(
            ignore_https_errors=True,
            base_url=console.origin,
            viewport={"width": 1440, "height": 900},
        )
        context.set_default_timeout(WAITS)
        await context.add_cookies([{"name": name, "value": value, "url": console.origin}])
        await context.route("**/static/**", static_file)
        shown = await context.new_page()
        shown.on("pageerror", lambda error: errors.append(str(error)))
        yield shown
        await browser.close()
    assert errors == []


def _wanted(page: Page) -> dict[str, list[str]]:
    return parse_qs(urlsplit(page.url).query)


class TestRows:
    async def test_lead_to_a_question_for_exactly_their_endpoints(
        self, page: Page, user: User
    ) -> None:
        question = await sync_to_async(_asked)(user)
        await page.goto(f"/questions/{question.pk}/")
        await page.locator("#grid .slick-row", has_text="web").click()
        await page.click("#drill-down")
        await page.wait_for_url("**/questions/?*")

        await expect(page.locator("#narrowed")).to_contain_text("the 2 endpoints that gave the row")
        await page.click("#ask-button")
        await page.wait_for_url("**/questions/*-*/")

        asked = await Question.objects.alatest("sequence")
        assert await QuestionTarget.objects.filter(question=asked).acount() == 2

    async def test_are_exported_endpoint_by_endpoint_in_whatever_order_they_are_shown(
        self, page: Page, user: User, tmp_path: Path
    ) -> None:
        question = await sync_to_async(_asked)(user)
        await page.goto(f"/questions/{question.pk}/")
        await page.locator("#grid .slick-header-column", has_text="Computer Name").click()
        await page.click("#export-menu summary")
        await page.click("text=Each endpoint's rows, not merged")

        async with page.expect_download() as download:
            await page.click("[data-format=csv]")

        await (await download.value).save_as(tmp_path / "rows.csv")
        assert len((tmp_path / "rows.csv").read_text().splitlines()) == 4

    async def test_of_endpoints_are_found_by_name_and_follow_the_news(
        self, page: Page, user: User
    ) -> None:
        question = await sync_to_async(_asked)(user)
        await page.goto(f"/questions/{question.pk}/#show-endpoints")
        rows = page.locator("#endpoint-grid .slick-row")
        await expect(rows).to_have_count(3)
        await page.fill("#endpoint-search", "00001")
        await expect(rows).to_have_count(1)
        await page.fill("#endpoint-search", "")
        await expect(rows).to_have_count(3)

        await sync_to_async(_answer_last)(question)

        await expect(rows).to_have_count(4)

    async def test_of_jobs_lead_to_what_they_found_and_to_their_end(
        self, page: Page, user: User
    ) -> None:
        question = await sync_to_async(_started)(user)
        address = f"/questions/{question.pk}/"
        texts = {}
        for title in ("Results", "Cancel the job …"):
            await page.goto(address)
            await page.locator("#grid .slick-row", has_text="job-17").click()
            await page.click(f"#row-detail button:has-text('{title}')")
            await page.wait_for_url("**/questions/?*")
            texts[title] = _wanted(page)["text"][0]
            await expect(page.locator("#narrowed")).to_contain_text("the 1 endpoint that")

        assert "Search for Files Results[job-17]" in texts["Results"]
        assert "Cancel Incident Response Job[job-17]" in texts["Cancel the job …"]


class TestUnanswered:
    async def test_says_who_answered_in_part_and_leads_on(
        self, page: Page, user: User, tmp_path: Path
    ) -> None:
        question = await sync_to_async(_asked)(user)
        await page.goto(f"/questions/{question.pk}/")
        await page.click("#progress-legend >> text=rows left out")

        rows = page.locator("#unanswered tbody tr")
        await expect(rows).to_have_count(1)
        await expect(rows).to_contain_text("There is no systemd.")
        await expect(rows).to_contain_text("7 were left out")
        async with page.expect_download() as download:
            await page.click("#unanswered-menu summary")
            await page.click("#unanswered-formats [data-format=csv]")
        await (await download.value).save_as(tmp_path / "part.csv")
        with (tmp_path / "part.csv").open(newline="") as file:
            states = [row[2] for row in csv.reader(file)]
        assert states == ["State", "partial"]
        await page.click("#unanswered-ask")
        await expect(page.locator("#narrowed")).to_contain_text("the 2 endpoints that did not")
