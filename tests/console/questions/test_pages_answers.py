"""The page of a question, without a browser: what its scripts are told, and how it is cut."""

from __future__ import annotations

import uuid

import pytest
import redis
from django.conf import settings
from django.test import Client

from console.access.models import User
from console.core.live_topics import News
from console.endpoints.models import Endpoint
from console.questions.answers import record_answers
from console.questions.models import AnswerRow, Question, QuestionTarget
from console.questions.news import news_about_seen
from console.questions.standings import standings_of
from protocol.questions import FAILED, SensorFailure
from tests.console.pages import text_of
from tests.console.questions import scene
from tests.console.questions.browsing import answered_question, browser_of, get, post, staff

pytestmark = pytest.mark.django_db

VIEW = "questions.view_question"
NO_SYSTEMD = SensorFailure(name="Computer Name", reason="There is no systemd.")


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
        assert post(page, address, {"row": 10**12, "columns": [0]}).status_code == 404

    def test_cannot_be_gone_on_from_when_sensors_have_changed(
        self, page: Client, admin: User
    ) -> None:
        question = answered_question(admin, 4)
        row = post(page, f"/questions/{question.pk}/window/", {}).json()["rows"][0][0]
        columns = [*question.columns, {"sensor": "IP Address", "name": "More", "type": "text"}]
        Question.objects.update(columns=columns)

        response = post(page, f"/questions/{question.pk}/further/", {"row": row, "columns": [1]})

        assert "ask it again" in response.json()["detail"]

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

    @pytest.mark.parametrize(("named", "count"), [("00001", 1), ("HOST", 2), ("%", 0), ("%00", 0)])
    def test_are_found_by_the_name_of_an_endpoint(
        self, page: Client, admin: User, named: str, count: int
    ) -> None:
        question = answered_question(admin, 3)
        address = f"/questions/{question.pk}/endpoint-rows/?named={named}"

        found = get(page, address)

        assert found.status_code == 200
        assert len(found.json()["rows"]) == count

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

    def test_names_answers_in_part(self, page: Client, admin: User) -> None:
        (endpoint_id,) = scene.endpoints(1)
        question = scene.asked(admin)
        rows = [("web", "")]
        record_answers([scene.answer(question, endpoint_id, rows, failures=[NO_SYSTEMD], cut=3)])
        address = f"/questions/{question.pk}/"

        (found,) = get(page, f"{address}unanswered/?kind=partial").json()["endpoints"]
        progress = get(page, f"{address}progress/").json()

        assert (found["kind"], found["host_name"]) == ("partial", "host-00000")
        assert found["reason"].splitlines()[0] == "Computer Name: There is no systemd."
        assert (progress["answered"], progress["answered_in_part"]) == (1, 1)
        assert progress["rows_left_out"] == 3

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
        hidden = AnswerRow.objects.get(question=question, values__0="far-and-secret").pk

        window = post(client, f"{base}window/", {}).json()
        answers = [
            get(client, base),
            get(client, f"{base}endpoint-rows/"),
            get(client, f"{base}unanswered/"),
            get(client, f"{base}progress/"),
            get(client, "/questions/"),
            post(client, f"{base}chart/", {"column": 0}),
            post(client, f"{base}further/", {"row": hidden, "columns": [0]}),
            post(client, f"{base}givers/", {"row": hidden}),
        ]

        assert [answer.status_code for answer in answers[-2:]] == [404, 404]
        assert [(count, values[0]) for _, count, values in window["rows"]] == [(1, "near")]
        assert all(b"far-and-secret" not in answer.content for answer in answers)
        assert answers[3].json()["asked"] == 1
        assert standings_of(person, [question])[question.pk].asked == 1

    def test_tells_nothing_of_a_row_that_shares_a_value_with_one_in_reach(
        self, admin: User
    ) -> None:
        inside = scene.group_named("Inside")
        (near,) = scene.endpoints(1, group=inside)
        (far,) = scene.endpoints(1)
        question = scene.asked(admin)
        record_answers(
            [
                scene.answer(question, near, [("shared", "10.0.0.1")]),
                scene.answer(question, far, [("shared", "10.0.0.2")]),
            ]
        )
        person = staff(
            scene.person("bob", permissions=[VIEW], groups=[inside], content_sets=["Reserved"])
        )
        seen, hidden = (
            AnswerRow.objects.get(question=question, values__1=address).pk
            for address in ("10.0.0.1", "10.0.0.2")
        )
        address = f"/questions/{question.pk}/givers/"

        refused = post(browser_of(person), address, {"row": hidden, "group_by": [0]})
        known = post(browser_of(person), address, {"row": seen, "group_by": [0]})

        assert refused.status_code == 404
        assert [name for _, name, _ in known.json()["endpoints"]] == ["host-00000"]

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
