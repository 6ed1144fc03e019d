"""The pages of saved questions: list, form, schedule, history, deletion."""

from __future__ import annotations

from typing import Any

import pytest
import redis
from django.conf import settings
from django.test import Client

from console.access.models import ContentSet, User
from console.core.actor import Actor
from console.questions.forms import interval_text, split_interval
from console.questions.models import Question, SavedQuestion
from console.questions.saved import SavedFields, save_question
from tests.console.pages import messages_of, text_of
from tests.console.questions import scene
from tests.console.questions.browsing import all_computers, browser_of, get, staff

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def console(valkey: redis.Redis) -> None:
    valkey.flushdb()
    settings.STATIC_ROOT.mkdir(parents=True, exist_ok=True)
    scene.prepare()
    scene.endpoints(1)


@pytest.fixture
def admin() -> User:
    return staff(scene.administrator())


@pytest.fixture
def page(admin: User) -> Client:
    return browser_of(admin)


def default_set() -> ContentSet:
    return ContentSet.objects.get(name="Default")


def saved_by(user: User, name: str = "Names") -> SavedQuestion:
    fields = SavedFields(name=name, text=scene.TEXT, content_set=default_set())
    return save_question(fields, user=user, actor=Actor(user.username), now=scene.NOW)


def filled_in(**changes: Any) -> dict[str, Any]:
    """Fill the form in as a browser sends it."""
    return {
        "name": "Names",
        "text": scene.TEXT,
        "description": "",
        "content_set": default_set().pk,
        "lifetime": "600",
        "every": "3",
        "unit": "3600",
        **changes,
    }


class TestForm:
    def test_keeps_a_question_with_a_schedule(self, page: Client) -> None:
        sent = filled_in(is_scheduled="on")

        response = page.post("/saved-questions/add/", sent, secure=True, follow=True)

        saved = SavedQuestion.objects.get()
        assert (saved.name, saved.interval) == ("Names", 3 * 3600)
        assert messages_of(response) == ["“Names” was saved."]
        assert "every 3 hours" in text_of(response)

    def test_without_a_schedule_keeps_it_for_hands(self, page: Client) -> None:
        page.post("/saved-questions/add/", filled_in(), secure=True)

        assert SavedQuestion.objects.get().interval is None

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"text": "Get Nothing At All from all machines"}, "there is no sensor"),
            ({"is_scheduled": "on", "every": ""}, "Say how often."),
            ({"is_scheduled": "on", "every": "400", "unit": "86400"}, "once a year"),
            ({"name": " "}, "This field is required."),
            ({"content_set": "99999"}, "Select a valid choice"),
            ({"groups": ["99999"]}, "Select a valid choice"),
        ],
    )
    def test_says_what_is_wrong_beside_the_field(
        self, page: Client, changes: dict[str, Any], message: str
    ) -> None:
        response = page.post("/saved-questions/add/", filled_in(**changes), secure=True)

        assert message in text_of(response)
        assert not SavedQuestion.objects.exists()

    def test_says_that_a_name_is_taken(self, page: Client, admin: User) -> None:
        saved_by(admin)

        response = page.post("/saved-questions/add/", filled_in(), secure=True)

        assert "This name is taken." in text_of(response)

    def test_changes_a_saved_question(self, page: Client, admin: User) -> None:
        saved = saved_by(admin)
        address = f"/saved-questions/{saved.pk}/change/"
        assert scene.TEXT in text_of(get(page, address))

        page.post(address, filled_in(name="Other"), secure=True)

        saved.refresh_from_db()
        assert saved.name == "Other"

    def test_tells_who_may_write_nowhere(self) -> None:
        person = staff(scene.person("bob", groups=[all_computers()]))

        text = text_of(get(browser_of(person), "/saved-questions/add/"))

        assert "Your roles do not let you save questions." in text


class TestSavedQuestion:
    def test_is_asked_now_and_keeps_its_answers(self, page: Client, admin: User) -> None:
        saved = saved_by(admin)

        response = page.post(f"/saved-questions/{saved.pk}/ask/", secure=True)

        question = Question.objects.get()
        assert response["Location"] == f"/questions/{question.pk}/"
        assert f"/questions/{question.pk}/" in text_of(get(page, f"/saved-questions/{saved.pk}/"))
        assert "just now" in text_of(get(page, "/saved-questions/"))

    def test_is_deleted_after_a_question_that_names_it(self, page: Client, admin: User) -> None:
        saved = saved_by(admin)
        shown = text_of(get(page, f"/saved-questions/{saved.pk}/"))
        assert "Delete the saved question “Names”?" in shown

        response = page.post(f"/saved-questions/{saved.pk}/delete/", secure=True, follow=True)

        assert not SavedQuestion.objects.exists()
        assert messages_of(response)[0].startswith("“Names” was deleted.")

    def test_of_a_content_set_out_of_reach_is_as_none(self, admin: User) -> None:
        saved = saved_by(admin, "Far and secret")
        client = browser_of(staff(scene.person("bob", groups=[all_computers()])))

        assert get(client, f"/saved-questions/{saved.pk}/").status_code == 404
        assert client.post(f"/saved-questions/{saved.pk}/ask/", secure=True).status_code == 404
        assert "Far and secret" not in text_of(get(client, "/saved-questions/"))
        assert "Far and secret" not in text_of(get(client, "/questions/"))

    def test_is_read_only_for_who_may_only_read_it(self, admin: User) -> None:
        saved = saved_by(admin)
        person = staff(scene.person("bob", groups=[all_computers()]))
        scene.grant_content(person.groups.get(), "Default", "read_saved_question")
        client = browser_of(person)

        assert "Delete …" not in text_of(get(client, f"/saved-questions/{saved.pk}/"))
        assert get(client, f"/saved-questions/{saved.pk}/change/").status_code == 403
        assert client.post(f"/saved-questions/{saved.pk}/delete/", secure=True).status_code == 403

    def test_is_found_by_a_word(self, page: Client, admin: User) -> None:
        saved_by(admin, "Names")
        saved_by(admin, "Other")

        text = text_of(get(page, "/saved-questions/?q=oth"))

        assert "Other" in text
        assert "Names" not in text


class TestIntervals:
    @pytest.mark.parametrize(
        ("seconds", "split", "text"),
        [
            (60, (1, 60), "every minute"),
            (90 * 60, (90, 60), "every 90 minutes"),
            (7200, (2, 3600), "every 2 hours"),
            (86_400, (1, 86_400), "every day"),
            (61, (1, 60), "every minute"),
        ],
    )
    def test_are_written_in_the_largest_unit(
        self, seconds: int, split: tuple[int, int], text: str
    ) -> None:
        assert split_interval(seconds) == split
        assert interval_text(seconds) == text

    def test_of_what_is_asked_by_hand_are_none(self) -> None:
        assert interval_text(None) == ""
