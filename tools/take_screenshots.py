"""Take the pictures of the documentation from a running console.

    .venv/bin/python tools/take_screenshots.py --url https://localhost:8443 --password-file FILE

Writes `<page>-<wide|narrow>-<light|dark>.png` for every page. Pages of one endpoint, Signal or
alert show the first of their lists, or the Signal and alert that `--signal` names; a page that has
nothing to show is named and left out. A live session is opened on the first endpoint, narrowed by
`--search` and `--kinds`, and closed again.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlencode

from playwright.sync_api import Browser, BrowserContext, Page, TimeoutError, sync_playwright

REPOSITORY: Final = Path(__file__).resolve().parent.parent
SIZES: Final = {"wide": (1440, 900), "narrow": (390, 844)}
THEMES: Final = ("light", "dark")
# Milliseconds.
PATIENCE: Final = 20_000
SETTLING: Final = 600


class NothingToShow(Exception):
    """A page needs an endpoint, a Signal or an alert, and there is none."""


@dataclass(frozen=True, slots=True)
class Scene:
    """What the pictures are to show, where there is a choice."""

    signal: str
    search: str
    kinds: list[str]
    row: str


class Console:
    """One logged-in browser window on the console."""

    def __init__(self, page: Page, url: str, scene: Scene) -> None:
        self.page = page
        self.url = url.rstrip("/")
        self.scene = scene

    def open(self, path: str) -> None:
        """Go to a page and wait until it stands still."""
        self.page.goto(self.url + path, wait_until="load", timeout=PATIENCE)
        self.page.wait_for_timeout(SETTLING)

    def log_in(self, user: str, password: str) -> None:
        """Log in. Raises TimeoutError when the console refuses."""
        self.open("/login/")
        self.page.fill("input[name=username]", user)
        self.page.fill("input[name=password]", password)
        self.page.press("input[name=password]", "Enter")
        self.page.wait_for_url(f"{self.url}/", timeout=PATIENCE)

    def open_first(self, path: str, link: str) -> None:
        """Open the first thing of a list. Raises NothingToShow for an empty list."""
        self.open(path)
        address = self.page.locator(link).first
        if address.count() == 0:
            raise NothingToShow(f"{path} is empty")
        self.open(address.get_attribute("href") or path)


def show_endpoint(console: Console) -> None:
    """Show the first endpoint."""
    console.open_first("/endpoints/endpoint/", "#result_list a[href*='/endpoints/endpoint/']")


def show_live_grid(console: Console) -> None:
    """Open a live session on the first endpoint, wait for events and open one of them."""
    show_endpoint(console)
    button = console.page.locator("form[action^='/live/open/'] button")
    if button.count() == 0 or button.is_disabled():
        raise NothingToShow("the first endpoint is not online")
    button.click()
    console.page.wait_for_selector("#live[data-state=OPEN]", timeout=PATIENCE)
    if console.scene.search:
        console.page.click("#mode-text")
        console.page.fill("#expression", console.scene.search)
        console.page.click("#mode-rows")
        console.page.click("#run-search")
        console.page.wait_for_timeout(SETTLING)
    for kind in console.scene.kinds:
        console.page.click(f"[data-kind={kind}]")
        console.page.wait_for_timeout(SETTLING)
    console.page.wait_for_selector("#grid .live-kind", timeout=PATIENCE)
    if console.page.viewport_size and console.page.viewport_size["width"] > SIZES["narrow"][0]:
        row = console.page.locator("#grid .slick-row:has(.is-process)", has_text=console.scene.row)
        row.first.click()
    console.page.wait_for_timeout(SETTLING)


def close_live_session(console: Console) -> None:
    """End the session that `show_live_grid` opened."""
    button = console.page.locator("#close-session button")
    if button.count() and button.is_visible():
        button.click()
        console.page.wait_for_url(f"{console.url}/live/", timeout=PATIENCE)


def show_signal_editor(console: Console) -> None:
    """Show the first Signal; the empty editor when there is none."""
    listed = f"/intel/inteldocument/?{urlencode({'q': console.scene.signal})}"
    try:
        console.open_first(listed, "#result_list a[href*='/intel/inteldocument/']")
    except NothingToShow:
        console.open("/intel/inteldocument/add/")


def show_alert(console: Console) -> None:
    """Show the newest alert, or the newest of one Signal."""
    listed = f"/alerts/alert/?{urlencode({'state': 'ALL', 'q': console.scene.signal})}"
    console.open_first(listed, "[data-alert] a[href*='/alerts/alert/']")


PAGES: Final[dict[str, Callable[[Console], None]]] = {
    "home": lambda console: console.open("/"),
    "endpoints": lambda console: console.open("/endpoints/endpoint/"),
    "endpoint": show_endpoint,
    "add-endpoint": lambda console: console.open("/endpoints/endpoint/add/"),
    "live-sessions": lambda console: console.open("/live/"),
    "live": show_live_grid,
    "intel": lambda console: console.open("/intel/inteldocument/"),
    "editor": show_signal_editor,
    "alerts": lambda console: console.open("/alerts/alert/?state=ALL"),
    "alert": show_alert,
    "audit-log": lambda console: console.open("/audit/auditevent/"),
}


def main() -> int:
    """Take the pictures; the exit code is 1 when a page had nothing to show."""
    options = read_options()
    scene = Scene(options.signal, options.search, options.kinds, options.row)
    password = options.password_file.read_text(encoding="utf-8").strip()
    options.output.mkdir(parents=True, exist_ok=True)
    chosen = [name for name in PAGES if not options.pages or name in options.pages]
    missing = 0
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=str(options.browser), args=["--no-sandbox"]
        )
        for size in SIZES:
            for theme in options.themes:
                with window(browser, size, theme) as context:
                    console = Console(context.new_page(), options.url, scene)
                    shoot = Camera(options.output, size, theme)
                    console.open("/login/")
                    if not options.pages or "login" in options.pages:
                        shoot(console.page, "login")
                    console.log_in(options.user, password)
                    missing += take(console, chosen, shoot)
        browser.close()
    return 1 if missing else 0


class Camera:
    """Writes pictures of one size and theme."""

    def __init__(self, directory: Path, size: str, theme: str) -> None:
        self.directory = directory
        self.suffix = f"{size}-{theme}"

    def __call__(self, page: Page, name: str) -> None:
        """Write what the window shows."""
        page.screenshot(path=self.directory / f"{name}-{self.suffix}.png")


def take(console: Console, names: list[str], shoot: Camera) -> int:
    """Take these pages and return how many could not be taken."""
    missing = 0
    for name in names:
        try:
            PAGES[name](console)
            shoot(console.page, name)
        except (NothingToShow, TimeoutError) as problem:
            sys.stderr.write(f"{name}-{shoot.suffix}: {problem}\n")
            missing += 1
        finally:
            if name == "live":
                close_live_session(console)
    return missing


@contextmanager
def window(browser: Browser, size: str, theme: str) -> Iterator[BrowserContext]:
    """Open a fresh browser window of this size and theme; it takes the console's certificate."""
    width, height = SIZES[size]
    context = browser.new_context(
        viewport={"width": width, "height": height},
        ignore_https_errors=True,
        color_scheme="dark" if theme == "dark" else "light",
        reduced_motion="reduce",
    )
    # Where the shell keeps the user's choice of theme.
    context.add_init_script(f"localStorage.setItem('adminTheme', '\"{theme}\"')")
    try:
        yield context
    finally:
        context.close()


def read_options() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", default="https://localhost:8443")
    parser.add_argument("--user", default="admin")
    parser.add_argument("--password-file", type=Path, required=True)
    parser.add_argument("--output", type=Path, default=REPOSITORY / "docs" / "images")
    parser.add_argument("--search", default="", help="what the live grid shows")
    parser.add_argument("--kinds", nargs="*", default=[], help="and which kinds of events")
    parser.add_argument("--row", default="", help="what stands in the row that is opened there")
    parser.add_argument("--signal", default="", help="the Signal of the editor and the alert")
    parser.add_argument("--themes", nargs="*", choices=THEMES, default=THEMES)
    parser.add_argument("--browser", type=Path, default=Path("/usr/bin/chromium"))
    parser.add_argument("--pages", nargs="*", choices=["login", *PAGES], default=[])
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
