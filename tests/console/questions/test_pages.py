"""The pages of questions, without a browser: who sees what, and what their scripts are told."""

from __future__ import annotations

import json
import uuid
from datetime import timedelta
from typing import Any

import pytest
import redis
from django.conf import settings
from django.test import Client
from django.utils import timezone

from console.access.models import User
from console.core.live_topics import News
from console.endpoints.models import ComputerGroup, Endpoint
from console.questions.answers import record_answers
from console.questions.models import Question, QuestionTarget
from console.questions.news import news_about_seen
from console.questions.standings import standings_of
from protocol.questions import FAILED, SensorFailure
from tests.console.pages import messages_of, text_of
from tests.console.questions import scene

pytestmark = pytest.mark.django_db

BACKEND = "django.contrib.auth.backends.ModelBackend"
NO_SYSTEMD = SensorFailure(name="Computer Name", reason="There is no systemd.")
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


def staff(user: User) -> User:
    user.is_staff = True
    user.save()
    return user


def browser_of(user: User) -> Client:
    client = Client()
    client.force_login(user, BACKEND)
    return client


def all_computers() -> ComputerGroup:
    return ComputerGroup.objects.get(kind=ComputerGroup.Kind.ALL)


def get(client: Client, address: str) -> Any:
    return client.get(address, secure=True)


def post(client: Client, address: str, body: Any = None) -> Any:
    """Post JSON as the scripts do."""
    content = "" if body is None else json.dumps(body)
    return client.post(address, content, content_type="application/json", secure=True)


def answered_question(user: User, count: int = 3) -> Question:
    """Ask some endpoints; all but the last answer, two of them alike."""
    ids = scene.endpoints(count)
    question = scene.asked(user)
    rows = [("web", "10.0.0.1"), ("web", "10.0.0.1"), ("db", "10.0.0.9")]
    record_answers(
        [
            scene.answer(question, each, [rows[number]])
            for number, each in enumerate(ids[: count - 1])
        ]
    )
    return Question.objects.get(pk=question.pk)


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


class TestAnswers:
    def test_are_shown_merged_with_their_counts(self, page: Client, admin: User) -> None:
        question = answered_question(admin, 4)

        window = post(page, f"/questions/{question.pk}/window/", {}).json()

        assert [(count, values) for _, count, values in window["rows"]] == [
            (2, ["web", "10.0.0.1"]),
            (1, ["db", "10.0.0.9"]),
        ]

    def test_are_filtered_sorted_and_grouped(self, page: Client, admin: User) -> None:
        question = answered_question(admin, 4)
        view = {
            "filters": [{"column": 1, "operator": "in cidr", "value": "10.0.0.0/29"}],
            "sort": [{"column": 0, "descending": True}],
            "group_by": [0],
        }

        window = post(page, f"/questions/{question.pk}/window/", view).json()

        assert [(count, values[0]) for _, count, values in window["rows"]] == [(2, "web")]

    def test_name_the_filter_that_does_not_fit(self, page: Client, admin: User) -> None:
        question = answered_question(admin)
        view = {"filters": [{"column": 1, "operator": "in cidr", "value": "nowhere"}]}

        response = post(page, f"/questions/{question.pk}/window/", view)

        assert response.status_code == 400
        assert list(response.json()["errors"]) == ["IP Address"]

    def test_lead_to_the_endpoints_that_gave_a_row(self, page: Client, admin: User) -> None:
        question = answered_question(admin, 4)
        row = post(page, f"/questions/{question.pk}/window/", {}).json()["rows"][0][0]

        givers = post(page, f"/questions/{question.pk}/givers/", {"row": row}).json()

        assert [name for _, name, _ in givers["endpoints"]] == ["host-00000", "host-00001"]
        assert givers["next"] == ""

    def test_lead_to_a_further_question(self, page: Client, admin: User) -> None:
        question = answered_question(admin, 4)
        row = post(page, f"/questions/{question.pk}/window/", {}).json()["rows"][0][0]

        answer = post(page, f"/questions/{question.pk}/further/", {"row": row, "columns": [0, 1]})

        assert answer.json()["text"] == (
            'Get Computer Name from machines with Computer Name is "web" and '
            'IP Address is "10.0.0.1"'
        )

    def test_cannot_be_gone_on_from_where_there_is_nothing(self, page: Client, admin: User) -> None:
        question = answered_question(admin, 4)
        row = post(page, f"/questions/{question.pk}/window/", {}).json()["rows"][0][0]
        address = f"/questions/{question.pk}/further/"

        assert post(page, address, {"row": row, "columns": [99]}).status_code == 400
        assert post(page, address, {"row": 10**12, "columns": [0]}).status_code == 400

    def test_are_counted_for_a_chart(self, page: Client, admin: User) -> None:
        question = answered_question(admin, 4)

        chart = post(page, f"/questions/{question.pk}/chart/", {"column": 0}).json()

        assert chart == {"values": [["web", 2], ["db", 1]], "total_values": 2, "others": 0}

    def test_stand_there_endpoint_by_endpoint(self, page: Client, admin: User) -> None:
        question = answered_question(admin, 3)

        found = get(page, f"/questions/{question.pk}/endpoint-rows/").json()

        assert [(name, values[0]) for _, name, _, values in found["rows"]] == [
            ("host-00000", "web"),
            ("host-00001", "web"),
        ]

    def test_of_hostile_endpoints_stay_text(self, page: Client, admin: User) -> None:
        (endpoint_id,) = scene.endpoints(1)
        Endpoint.objects.update(host_name="<img src=x onerror=alert(1)>")
        question = scene.asked(admin)
        record_answers([scene.answer(question, endpoint_id, [("</script><b>", "10.0.0.1")])])

        text = text_of(get(page, f"/questions/{question.pk}/"))
        window = post(page, f"/questions/{question.pk}/window/", {})

        assert "<img src=x" not in text
        assert window["Content-Type"] == "application/json"
        assert window.json()["rows"][0][2][0] == "</script><b>"


class TestUnanswered:
    def test_says_who_and_why(self, page: Client, admin: User) -> None:
        question = answered_question(admin, 3)

        found = get(page, f"/questions/{question.pk}/unanswered/").json()["endpoints"]

        assert [(each["host_name"], each["kind"]) for each in found] == [("host-00002", "offline")]
        assert found[0]["reason"] == "The endpoint was never online."

    def test_leaves_one_kind(self, page: Client, admin: User) -> None:
        ids = scene.endpoints(3)
        question = scene.asked(admin)
        record_answers([scene.answer(question, ids[1], outcome=FAILED, failures=[NO_SYSTEMD])])
        address = f"/questions/{question.pk}/unanswered/"

        failed = get(page, f"{address}?kind=failed").json()["endpoints"]

        assert [each["host_name"] for each in failed] == ["host-00001"]
        assert "There is no systemd." in failed[0]["reason"]
        assert len(get(page, f"{address}?kind=offline").json()["endpoints"]) == 2
        assert get(page, f"{address}?kind=nonsense").json()["endpoints"] == []

    def test_is_counted_live(self, page: Client, admin: User) -> None:
        question = answered_question(admin, 3)

        found = get(page, f"/questions/{question.pk}/progress/").json()

        assert (found["asked"], found["answered"], found["waiting_offline"]) == (3, 2, 1)
        assert found["is_open"]

    def test_of_another_page_than_there_is_is_not_found(self, page: Client, admin: User) -> None:
        question = answered_question(admin, 3)

        assert get(page, f"/questions/{question.pk}/unanswered/?after=x/y").status_code == 404


class TestComparison:
    def test_offers_earlier_answers_to_the_same_text(self, page: Client, admin: User) -> None:
        first = answered_question(admin, 3)
        second = scene.asked(admin)
        ids = list(
            QuestionTarget.objects.filter(question=second).values_list("endpoint", flat=True)
        )
        record_answers([scene.answer(second, each, [("new", "10.0.0.1")]) for each in ids[:2]])

        text = text_of(get(page, f"/questions/{second.pk}/"))
        found = get(page, f"/questions/{second.pk}/changes/{first.pk}/").json()
        named = get(page, f"/questions/{second.pk}/changes/{first.pk}/endpoints/").json()

        assert f'value="{first.pk}"' in text
        assert {row[0] for row in found["rows"]} <= {"appeared", "vanished"}
        assert all(appeared == [["new", "10.0.0.1"]] for _, _, appeared, _ in named["endpoints"])

    def test_is_refused_with_another_question(self, page: Client, admin: User) -> None:
        question = answered_question(admin, 3)
        other = scene.asked(admin, "Get Computer Name from all machines")

        response = get(page, f"/questions/{question.pk}/changes/{other.pk}/")

        assert response.status_code == 400


class TestReach:
    def test_cuts_every_view_of_a_question(self, admin: User) -> None:
        inside = scene.group_named("Inside")
        (near,) = scene.endpoints(1, group=inside)
        (far,) = scene.endpoints(1)
        Endpoint.objects.filter(pk=far).update(host_name="far-and-secret")
        question = scene.asked(admin)
        record_answers(
            [
                scene.answer(question, near, [("near", "10.0.0.1")]),
                scene.answer(question, far, [("far-and-secret", "10.0.0.2")]),
            ]
        )
        person = staff(
            scene.person("bob", permissions=[VIEW], groups=[inside], content_sets=["Reserved"])
        )
        client = browser_of(person)
        base = f"/questions/{question.pk}/"

        window = post(client, f"{base}window/", {}).json()
        answers = [
            get(client, base),
            get(client, f"{base}endpoint-rows/"),
            get(client, f"{base}unanswered/"),
            get(client, f"{base}progress/"),
            get(client, "/questions/"),
            post(client, f"{base}chart/", {"column": 0}),
        ]

        assert [(count, values[0]) for _, count, values in window["rows"]] == [(1, "near")]
        assert all(b"far-and-secret" not in answer.content for answer in answers)
        assert answers[3].json()["asked"] == 1
        assert standings_of(person, [question])[question.pk].asked == 1

    def test_hides_a_question_altogether_as_one_that_is_not_there(self, admin: User) -> None:
        scene.endpoints(1)
        question = scene.asked(admin)
        outside = scene.group_named("Outside")
        person = staff(scene.person("bob", groups=[outside], content_sets=["Reserved"]))
        client = browser_of(person)

        for name in (question.pk, uuid.uuid4()):
            assert get(client, f"/questions/{name}/").status_code == 404
            assert get(client, f"/questions/{name}/progress/").status_code == 404

    def test_keeps_news_from_those_who_see_a_part(self, admin: User) -> None:
        inside = scene.group_named("Inside")
        scene.endpoints(1, group=inside)
        scene.endpoints(1)
        question = scene.asked(admin)
        person = scene.person("bob", groups=[inside], content_sets=["Reserved"])
        news = News(count=1, rows=[{"id": str(question.pk)}])

        assert news_about_seen(admin, news).count == 1
        assert news_about_seen(person, news) == News(count=0, rows=[])


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
