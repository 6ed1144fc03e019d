"""The page to ask from, and asking, without a browser: who may, what is completed and refused."""

from __future__ import annotations

from datetime import timedelta

import pytest
import redis
from django.conf import settings
from django.test import Client
from django.utils import timezone

from console.access.models import User
from console.questions.models import Question
from tests.console.pages import messages_of, text_of
from tests.console.questions import scene
from tests.console.questions.browsing import (
    all_computers,
    answered_question,
    browser_of,
    get,
    post,
    staff,
)

pytestmark = pytest.mark.django_db

ASK, VIEW = "questions.ask_question", "questions.view_question"


@pytest.fixture(autouse=True)
def console(valkey: redis.Redis) -> None:
    valkey.flushdb()
    settings.STATIC_ROOT.mkdir(parents=True, exist_ok=True)
    scene.prepare()


@pytest.fixture
def admin() -> User:
    return staff(scene.administrator())


@pytest.fixture
def page(admin: User) -> Client:
    return browser_of(admin)


class TestAskPage:
    def test_offers_examples_of_sensors_that_one_may_use(self, page: Client) -> None:
        text = text_of(get(page, "/questions/"))

        assert "Get Computer Name from all machines" in text
        assert "Your roles do not let you ask" not in text

    def test_explains_why_somebody_cannot_ask(self) -> None:
        person = staff(scene.person("bob", permissions=[VIEW], groups=[all_computers()]))

        text = text_of(get(browser_of(person), "/questions/"))

        assert "Your roles do not let you ask questions." in text
        assert "data-example" not in text

    def test_takes_the_text_that_the_address_carries(self, page: Client) -> None:
        response = get(page, "/questions/?text=Get %3Cscript%3E from all machines")

        assert "Get &lt;script&gt; from all machines" in text_of(response)

    def test_lists_recent_questions_and_how_far_they_are(self, page: Client, admin: User) -> None:
        answered_question(admin)

        text = text_of(get(page, "/questions/?part=recent"))

        assert scene.TEXT in text
        assert "2 of 3 answered" in text


class TestAsking:
    def test_leads_to_the_answers(self, page: Client) -> None:
        scene.endpoints(2)

        response = post(page, "/questions/ask/", {"text": scene.TEXT, "lifetime": 60})

        question = Question.objects.get()
        assert response.json()["url"] == f"/questions/{question.pk}/"
        assert question.expires_at - question.asked_at == timedelta(seconds=60)

    def test_is_refused_with_the_place_of_what_is_wrong(self, page: Client) -> None:
        scene.endpoints(1)

        response = post(page, "/questions/ask/", {"text": "Get Computer Nam from all machines"})

        assert response.status_code == 400
        assert (response.json()["column"], response.json()["length"]) == (5, 12)
        assert "Computer Name" in response.json()["expected"]

    @pytest.mark.parametrize("lifetime", [1, -(10**30), 10**30, 10**9])
    def test_is_refused_for_a_time_that_cannot_be(self, page: Client, lifetime: int) -> None:
        scene.endpoints(1)

        response = post(page, "/questions/ask/", {"text": scene.TEXT, "lifetime": lifetime})

        assert response.status_code == 400

    @pytest.mark.parametrize("body", ["", "[]", "{", '{"text": 1}', "\0"])
    def test_is_refused_when_nobody_can_read_it(self, page: Client, body: str) -> None:
        response = page.post("/questions/ask/", body, content_type="application/json", secure=True)

        assert response.status_code == 400

    def test_of_one_endpoint_begins_with_its_name(self, page: Client) -> None:
        (endpoint_id,) = scene.endpoints(1)

        response = page.post(f"/questions/about/{endpoint_id}/", secure=True)

        assert "Computer+Name+is+host-00000" in response["Location"]

    def test_again_asks_the_same_for_as_long(self, page: Client, admin: User) -> None:
        scene.endpoints(1)
        first = scene.asked(admin, lifetime=timedelta(hours=1))

        response = page.post(f"/questions/{first.pk}/again/", secure=True)

        again = Question.objects.exclude(pk=first.pk).get()
        assert response["Location"] == f"/questions/{again.pk}/"
        assert again.text == first.text
        assert again.expires_at - again.asked_at == timedelta(hours=1)


class TestLanguage:
    def test_completes_at_the_cursor(self, page: Client) -> None:
        answer = post(page, "/questions/complete/", {"text": "Get Comp", "position": 8}).json()

        assert answer["start"] == 4
        assert "Computer Name" in [choice["text"] for choice in answer["choices"]]

    def test_completes_what_begins_with_a_sensor(self, page: Client) -> None:
        answer = post(page, "/questions/complete/", {"text": "computer n", "position": 10}).json()

        assert (answer["start"], answer["end"]) == (0, 10)
        assert answer["choices"][0]["text"] == "Get Computer Name"

    def test_offers_the_usual_end_first(self, page: Client) -> None:
        text = "Get Computer Name "

        answer = post(page, "/questions/complete/", {"text": text, "position": 18}).json()

        assert answer["choices"][0]["text"] == "from all machines"

    def test_counts_as_browsers_do(self, page: Client) -> None:
        text = 'Get Computer Name containing "😀" fom all machines'

        error = post(page, "/questions/check/", {"text": text}).json()["error"]

        units = text.encode("utf-16-le")
        marked = units[2 * error["start"] : 2 * error["end"]].decode("utf-16-le")
        assert marked == "fom"
        assert error["suggestions"] == ["from"]

    def test_reads_a_text_into_a_form_and_writes_it_again(self, page: Client) -> None:
        text = 'Get Computer Name from all machines with not Is Linux is "True"'

        checked = post(page, "/questions/check/", {"text": text}).json()
        built = post(page, "/questions/build/", {"form": checked["form"]}).json()

        assert checked["valid"]
        assert built["valid"]
        assert (
            post(page, "/questions/check/", {"text": built["text"]}).json()["form"]
            == (checked["form"])
        )

    def test_says_which_part_of_a_form_is_wrong(self, page: Client) -> None:
        form = {"selections": [{"sensor": "Nothing", "parameters": {}}], "filter": None}

        answer = post(page, "/questions/build/", {"form": form}).json()

        assert answer["error"]["path"] == "selections[0].sensor"

    @pytest.mark.parametrize("position", [-1, 10**9])
    def test_survives_a_cursor_that_is_nowhere(self, page: Client, position: int) -> None:
        answer = post(page, "/questions/complete/", {"text": "Get 😀", "position": position})

        assert answer.status_code in {200, 400}

    def test_names_only_what_one_may_use(self) -> None:
        inside = scene.group_named("Inside")
        scene.group_named("Far and secret")
        person = staff(
            scene.person("bob", permissions=[ASK], groups=[inside], content_sets=["Reserved"])
        )
        client = browser_of(person)

        listed = get(client, "/questions/sensors/").json()
        text = 'Get Computer Name from machines in group "'
        typed = post(client, "/questions/complete/", {"text": text, "position": len(text)})

        assert listed["groups"] == ["Inside"]
        assert {sensor["content_set"] for sensor in listed["sensors"]} == {"Reserved"}
        assert "Far and secret" not in typed.content.decode()
        assert "Inside" in typed.content.decode()


class TestCancelling:
    def test_ends_the_question(self, page: Client, admin: User) -> None:
        scene.endpoints(1)
        question = scene.asked(admin)

        page.post(f"/questions/{question.pk}/cancel/", secure=True)

        question.refresh_from_db()
        assert question.cancelled_by == "ada"

    def test_is_refused_to_others(self, admin: User) -> None:
        scene.endpoints(1)
        question = scene.asked(admin)
        person = staff(scene.person("bob", groups=[all_computers()], content_sets=["Reserved"]))

        response = browser_of(person).post(f"/questions/{question.pk}/cancel/", secure=True)

        assert response.status_code == 403

    def test_of_what_has_ended_says_so(self, page: Client, admin: User) -> None:
        scene.endpoints(1)
        question = scene.asked(admin)
        Question.objects.update(ended_at=timezone.now())

        response = page.post(f"/questions/{question.pk}/cancel/", secure=True, follow=True)

        assert messages_of(response) == ["This question has ended."]


class TestHome:
    def test_shows_recent_questions(self, page: Client, admin: User) -> None:
        answered_question(admin)

        text = text_of(get(page, "/"))

        assert "Recent questions" in text
        assert scene.TEXT in text

    def test_says_nothing_to_who_may_neither_ask_nor_look(self) -> None:
        person = staff(scene.person("bob", permissions=[]))

        assert "Recent questions" not in text_of(get(browser_of(person), "/"))
