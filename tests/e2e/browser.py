"""Headless Chromium on a host, logged in to its console."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from playwright import async_api, sync_api
from playwright.sync_api import Page, expect, sync_playwright

from tests.e2e.console import PASSWORD, Agent, Console

# Chromium must not look for hosts outside: there are none, and each attempt costs seconds.
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)

# In milliseconds: other tests and two agents share the machine with the browser.
for api in (async_api, sync_api):
    api.expect.set_options(timeout=20_000)


@contextmanager
def logged_in_page(console: Console, folder: Path) -> Iterator[Page]:
    """Open the console's home page as its administrator; fail on errors of its scripts."""
    errors: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=_chromium_on(console, folder), args=list(ARGUMENTS)
        )
        # Closed whatever the test meets: what it leaves open is an error of its own afterwards.
        with closing(browser):
            context = browser.new_context(
                ignore_https_errors=True, viewport={"width": 1440, "height": 900}
            )
            page = context.new_page()
            page.on("pageerror", lambda error: errors.append(str(error)))
            page.on(
                "console", lambda line: errors.append(line.text) if line.type == "error" else None
            )
            page.goto(f"{console.url}/")
            page.fill("input[name=username]", "admin")
            page.fill("input[name=password]", PASSWORD)
            page.click("form#login-form button")
            page.wait_for_url(f"{console.url}/")
            yield page
    assert errors == []


def watch_live(page: Page, console: Console, agent: Agent, expression: str) -> None:
    """Open the live grid from the endpoint's page and narrow it on the endpoint."""
    page.goto(f"{console.url}/endpoints/endpoint/{agent.endpoint_id}/change/")
    page.locator("form[action^='/live/open/'] button").click()
    page.wait_for_selector("#live[data-state=OPEN]")
    page.click("#mode-text")
    page.fill("#expression", expression)
    page.click("#run-search")
    expect(page.locator("#total")).to_have_text("0 events")
    expect(page.locator("#progress")).to_be_hidden()


def _chromium_on(console: Console, folder: Path) -> str:
    """Write a program that starts Chromium on the console's host; the pipes pass through."""
    wrapper = folder / "chromium"
    command = " ".join(map(str, console.host.command("chromium")))
    wrapper.write_text(f'#!/bin/sh\nexec {command} "$@"\n')
    wrapper.chmod(wrapper.stat().st_mode | stat.S_IXUSR)
    return str(wrapper)
