"""Somebody who never saw the console asks it something, and gets the right answer.

Two real agents answer, a third endpoint is offline. The agents share one kernel: each sees every
process of this machine, and has an address of its own.
"""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Page, Route, expect

from tests.e2e.browser import logged_in_page
from tests.e2e.console import Agent, Console, eventually
from tests.e2e.network import Host

pytestmark = [
    pytest.mark.root,
    pytest.mark.slow,
    pytest.mark.browser,
    pytest.mark.timeout(420),
]

ANSWER_WITHIN = 45_000
SERVICE = (
    'Get Service Details containing "{0}" from all machines with Service Details containing "{0}"'
)


@pytest.fixture
def online(console: Console, agents: list[Agent]) -> list[Agent]:
    """Two agents that are online."""
    for agent in agents:
        console.wait_for(agent)
    return agents


@pytest.fixture
def absent(console: Console, hosts: list[Host], tmp_path: Path) -> Agent:
    """An endpoint that has joined and is offline."""
    return console.joined_agent(hosts[3], tmp_path / "absent")


@contextmanager
def running(program: Path, user: str) -> Iterator[None]:
    """Let a program run as somebody, for some minutes."""
    words = ["setpriv", "--reuid", user, "--clear-groups", str(program), "300"]
    with subprocess.Popen(words) as process:
        try:
            yield
        finally:
            process.kill()


def numbers_of(page: Page) -> dict[str, int]:
    """Read how far the question is: the legend below its bar."""
    texts = page.locator("#progress-legend li").all_inner_texts()
    found = [re.fullmatch(r"\s*([\d,]+)\s*(.+?)\s*", text) for text in texts]
    return {part[2]: int(part[1].replace(",", "")) for part in found if part}


def rows_of(page: Page) -> list[list[str]]:
    """Read the rows that the grid shows, the count first."""
    rows = page.locator("#grid .slick-row").all()
    return [row.locator(".slick-cell").all_inner_texts() for row in rows]


def wait_for_rows(page: Page, rows: list[list[str]]) -> None:
    """Wait until the grid, which follows the answers, shows exactly these rows."""
    eventually(lambda: rows_of(page) == rows, within=15, what=f"the rows {rows}")


def ask(page: Page, console: Console, text: str) -> None:
    """Type a question, press Enter, wait until both agents have reported."""
    page.goto(f"{console.url}/questions/")
    page.get_by_role("combobox", name="Question").fill(text)
    page.keyboard.press("Escape")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"/questions/[0-9a-f-]{36}/"))
    expect(page.locator("#question-words")).to_have_text(text)

    def have_reported() -> bool:
        page.wait_for_timeout(100)
        numbers = numbers_of(page)
        reported = ("answered", "do not match", "failed")
        return sum(numbers.get(name, 0) for name in reported) >= 2

    eventually(have_reported, within=ANSWER_WITHIN / 1000, what=f"the answers to {text}")
    page.wait_for_function("document.getElementById('question').dataset.rows !== ''")


class TestNewcomer:
    def test_finds_who_runs_a_process_as_root_and_who_did_not_answer(
        self, console: Console, online: list[Agent], absent: Agent, tmp_path: Path
    ) -> None:
        name = f"beacon-{uuid.uuid4().hex[:6]}"
        program = tmp_path / name
        shutil.copy(shutil.which("sleep") or "/bin/sleep", program)
        for folder in (tmp_path, *tmp_path.parents[:3]):
            folder.chmod(folder.stat().st_mode | 0o055)
        with (
            running(program, "0"),
            running(program, "nobody"),
            logged_in_page(console, tmp_path) as page,
        ):
            page.get_by_role("link", name=re.compile("Questions$")).first.click()
            page.get_by_role("button", name="Build by clicking").click()
            page.get_by_role("button", name="Add a sensor").click()
            page.get_by_role("combobox", name="Search sensors").fill("running proc")
            page.get_by_role("option", name=re.compile("^Running Processes ")).first.click()
            card = page.locator(".q-selection", has_text="Running Processes")
            card.get_by_role("button", name="+ row condition").click()
            card.get_by_label("Value").fill(name)
            card.get_by_role("button", name="+ row condition").click()
            card.get_by_label("Column").nth(1).select_option("User")
            card.get_by_label("Comparison").nth(1).select_option("is")
            card.get_by_label("Value").nth(1).fill("root")
            expect(page.get_by_role("combobox", name="Question")).to_have_value(
                "Get Computer Name and Running Processes where "
                f'Process Name containing "{name}" and User is "root" from all machines'
            )
            page.get_by_role("button", name="Ask", exact=True).click()

            # Both agents see the one process of root, and not the one of nobody.
            page.locator("#grid .slick-row").first.wait_for(timeout=ANSWER_WITHIN)
            eventually(
                lambda: numbers_of(page).get("answered") == 2, within=45, what="both answers"
            )
            eventually(
                lambda: [row[0] for row in rows_of(page)] == ["2"], within=20, what="the row"
            )
            (row,) = rows_of(page)
            assert row[1] == socket.gethostname()
            assert name in row[2]
            assert "root" in row

            # Who they are stands beside the row.
            page.locator("#grid .slick-row").first.click()
            givers = page.locator("#row-detail .q-givers a")
            expect(givers).to_have_count(2)
            addresses = {link.get_attribute("href") or "" for link in givers.all()}
            assert {agent.endpoint_id for agent in online} == {
                address.split("/")[3] for address in addresses
            }

            # And who is missing, with the reason.
            page.get_by_role("tab", name=re.compile("^Did not answer")).click()
            link = page.locator(f"a[href*='{absent.endpoint_id}']")
            missing = page.locator("#unanswered tbody tr", has=link)
            expect(missing).to_contain_text("The endpoint was never online.")
            for agent in online:
                expect(page.locator(f"#unanswered a[href*='{agent.endpoint_id}']")).to_have_count(0)

    def test_is_led_by_completion_and_told_what_is_wrong(
        self, console: Console, online: list[Agent], tmp_path: Path
    ) -> None:
        with logged_in_page(console, tmp_path) as page:
            page.keyboard.press("g")
            page.keyboard.press("q")
            field = page.get_by_role("combobox", name="Question")
            field.click()
            page.keyboard.type("computer na")
            page.get_by_role("option", name=re.compile("Get Computer Name")).first.wait_for()
            page.keyboard.press("Tab")
            page.get_by_role("option", name=re.compile("from all machines")).first.wait_for()
            page.keyboard.press("ArrowDown")
            page.keyboard.press("Enter")
            expect(field).to_have_value("Get Computer Name from all machines ")

            field.fill("Get Computer Nam from all machines")
            expect(page.locator(".q-marks mark")).to_have_text("Computer Nam")
            page.get_by_role("button", name="Computer Name", exact=True).click()
            expect(field).to_have_value("Get Computer Name from all machines")
            expect(page.locator(".q-marks mark")).to_have_count(0)

            page.keyboard.press("Escape")
            page.keyboard.press("Enter")
            page.wait_for_url(re.compile(r"/questions/[0-9a-f-]{36}/"))

    def test_types_faster_than_the_console_completes(
        self, console: Console, tmp_path: Path
    ) -> None:
        with logged_in_page(console, tmp_path) as page:
            page.goto(f"{console.url}/questions/")
            field = page.get_by_role("combobox", name="Question")
            field.fill("")
            page.keyboard.type("computer n")
            page.get_by_role("option", name=re.compile("Get Computer Name")).first.wait_for()

            # The next lists are on their way until they are let through.
            held: list[Route] = []
            page.route("**/complete/", lambda route: held.append(route))  # noqa: PLW0108 - it gets marked
            page.keyboard.type("a")
            page.keyboard.press("Tab")
            expect(field).to_have_value("Get Computer Name ")

            # The list at hand is not of this word.
            page.keyboard.type("xyz")
            page.keyboard.press("Tab")
            expect(field).to_have_value("Get Computer Name xyz")

            # Escape is for a list that has not come yet, too.
            page.keyboard.press("Escape")
            expect(page.locator("[data-choices]")).to_be_hidden()
            held.clear()
            field.fill("Get Computer Name fro")
            page.wait_for_timeout(300)
            assert held
            page.keyboard.press("Escape")
            held[-1].continue_()
            page.wait_for_timeout(500)
            expect(page.locator("[data-choices]")).to_be_hidden()


class TestQuestionsOfTheGuides:
    """Word for word, as the guides have them."""

    def test_are_answered_with_the_right_rows(
        self, console: Console, online: list[Agent], tmp_path: Path
    ) -> None:
        host_name = socket.gethostname()
        has_audit = "True" if is_installed("audit") else "False"
        with logged_in_page(console, tmp_path) as page:
            ask(page, console, "Get Computer Name from all machines")
            wait_for_rows(page, [["2", host_name]])

            ask(page, console, "Get Computer Name and IP Address from all machines")
            addresses = {(host_name, agent.host.address) for agent in online}
            eventually(
                lambda: {(row[1], row[2]) for row in rows_of(page)} >= addresses,
                within=15,
                what="the row of each agent",
            )

            ask(page, console, 'Get Computer Name from machines with Is Windows containing "True"')
            assert rows_of(page) == []
            assert numbers_of(page)["do not match"] == 2

            ask(page, console, SERVICE.format("PolicyAgent"))
            assert rows_of(page) == []
            assert numbers_of(page)["do not match"] == 2

            ask(
                page,
                console,
                "Get Installed Application Exists[audit] from all machines "
                'with Is Linux containing "true"',
            )
            wait_for_rows(page, [["2", has_audit]])

    def test_find_a_service_that_there_is(
        self, console: Console, online: list[Agent], tmp_path: Path
    ) -> None:
        service = next(
            path.name for path in sorted(Path("/etc/init.d").iterdir()) if path.name.isalpha()
        )
        with logged_in_page(console, tmp_path) as page:
            ask(page, console, SERVICE.format(service))

            assert numbers_of(page)["answered"] == 2
            eventually(
                lambda: any(service in row[1] and row[0] == "2" for row in rows_of(page)),
                within=15,
                what="the row of the service",
            )


def is_installed(package: str) -> bool:
    """Ask the package manager itself."""
    query = ["dpkg-query", "--show", "--showformat=${db:Status-Status}", package]
    return subprocess.run(query, capture_output=True, text=True, check=False).stdout == "installed"
