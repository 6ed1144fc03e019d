"""The pages of sensors show what the user may read, and nothing else."""

from __future__ import annotations

import pytest
import redis
from django.test import Client

from console.access.models import User
from console.core.actor import Actor
from console.questions.models import SavedQuestion, Sensor, SensorVersion
from console.questions.sensors import SensorFields, change_sensor, retire_sensor
from sensors.definitions import Column
from tests.console.pages import messages_of, text_of
from tests.console.questions import scene
from tests.console.questions.sensor_drafts import (
    client_of,
    default_set,
    own_sensor,
    reader,
    writer,
)

pytestmark = pytest.mark.django_db

LIST = "/sensors/"


@pytest.fixture(autouse=True)
def _console(valkey: redis.Redis) -> None:
    valkey.flushdb()
    scene.prepare()


@pytest.fixture
def ada() -> User:
    return scene.administrator()


@pytest.fixture
def root(ada: User) -> Client:
    return client_of(ada)


def names_in(client: Client, query: str = "") -> list[str]:
    rows = client.get(LIST + query).context["rows"]
    return [row["sensor"].name for row in rows]


def page_of(sensor: Sensor) -> str:
    return f"{LIST}{sensor.pk}/"


def saved(text: str, name: str = "Kept") -> SavedQuestion:
    return SavedQuestion.objects.create(
        name=name,
        text=text,
        content_set=default_set(),
        created_at=scene.NOW,
        changed_at=scene.NOW,
    )


def change(sensor: Sensor, user: User, script: str) -> None:
    fields = SensorFields(
        name=sensor.name,
        language="shell",
        script=script,
        columns=[Column("Mount")],
        content_set=default_set(),
        separator=";",
        note="Other rows",
    )
    change_sensor(sensor, fields, user=user, actor=Actor("ada"), now=scene.NOW)


class TestTheList:
    def test_shows_name_category_platforms_and_cost(self, root: Client) -> None:
        page = text_of(root.get(f"{LIST}?q=Job+Results"))

        assert "Job Results" in page
        assert "Incident Response" in page
        assert ">Linux</span>" in page
        assert 'class="s-cost is-' in page

    def test_shows_only_what_lies_in_the_readers_content_sets(self, ada: User) -> None:
        own_sensor(ada)

        assert "Quirky Room" not in names_in(client_of(reader("Base")))
        assert names_in(client_of(reader("Default", name="dan"))) == ["Quirky Room"]

    def test_names_no_content_set_and_no_category_of_others(self, ada: User) -> None:
        own_sensor(ada, category="Secret drawer")

        page = text_of(client_of(reader("Base")).get(LIST))

        assert "Secret drawer" not in page
        assert "Trace Analysis" not in page

    @pytest.mark.parametrize(
        ("query", "found"),
        [
            ("?q=quirky", True),
            ("?q=room+quirky", True),
            ("?q=disks", True),
            ("?q=mount+free", True),
            ("?q=nonsense", False),
            ("?category=Own", True),
            ("?category=Network", False),
            ("?platform=macos", True),
            ("?platform=windows", False),
            ("?cost=light", True),
            ("?cost=heavy", False),
            ("?origin=own", True),
            ("?origin=built-in", False),
            ("?origin=retired", False),
            ("?content_set=nonsense", False),
        ],
    )
    def test_is_narrowed(self, root: Client, ada: User, query: str, found: bool) -> None:
        own_sensor(ada)

        assert ("Quirky Room" in names_in(root, query)) == found

    def test_puts_what_is_named_so_before_what_is_described_so(
        self, root: Client, ada: User
    ) -> None:
        own_sensor(ada, name="Ztop", description="")
        own_sensor(ada, name="Other", description="It is like Ztop.")

        assert names_in(root, "?q=ztop") == ["Ztop", "Other"]

    def test_shows_retired_ones_only_when_asked(self, root: Client, ada: User) -> None:
        retire_sensor(own_sensor(ada), user=ada, actor=Actor("ada"), now=scene.NOW)

        assert not [name for name in names_in(root) if name.startswith("Quirky")]
        [name] = names_in(root, "?origin=retired")
        assert name.startswith("Quirky Room (retired")

    def test_says_what_to_do_when_nothing_fits_or_nothing_is_allowed(self, root: Client) -> None:
        assert "No sensor fits." in text_of(root.get(f"{LIST}?q=nonsense"))
        assert "No sensor is yours to use" in text_of(client_of(reader()).get(LIST))

    def test_offers_writing_to_writers_only(self) -> None:
        assert "Write a sensor" in text_of(client_of(writer()).get(LIST))
        assert "Write a sensor" not in text_of(client_of(reader("Default")).get(LIST))


class TestOneSensor:
    def test_shows_columns_parameters_cost_and_an_example(self, root: Client) -> None:
        sensor = Sensor.objects.get(key="accounts.login_history")

        page = text_of(root.get(page_of(sensor)))

        assert "Logged Out" in page
        assert "date and time" in page
        assert "Most Rows" in page
        assert "up to a second" in page
        assert "/questions/?text=Get+Login+History" in page

    def test_explains_what_a_heavy_one_answers(self, root: Client) -> None:
        heavy = Sensor.objects.filter(cost="heavy").first()
        assert heavy is not None

        page = text_of(root.get(page_of(heavy)))

        assert "starts a job" in page
        assert f"{heavy.name} Results" in page

    def test_lists_versions_with_who_saved_them(self, root: Client, ada: User) -> None:
        sensor = own_sensor(ada, note="It begins")
        change(sensor, ada, "df -h")

        page = text_of(root.get(page_of(sensor)))

        assert "ada: Other rows" in page
        assert "ada: It begins" in page
        assert "VEDETTE_LEAST" not in page  # the new version has no parameters

    def test_tells_that_a_script_was_changed_behind_its_back(self, root: Client, ada: User) -> None:
        sensor = own_sensor(ada)
        SensorVersion.objects.update(script="curl evil")

        assert "was changed after it was saved" in text_of(root.get(page_of(sensor)))

    def test_lists_the_saved_questions_that_name_it(self, root: Client, ada: User) -> None:
        sensor = own_sensor(ada)
        saved("Get quirky room from all machines", "Asks it")
        saved(
            'Get Computer Name from all machines with Quirky Room:Mount contains "x"', "Compares it"
        )
        saved("Get Computer Name from all machines with Computer Name contains Quirky Room", "No")

        used = root.get(page_of(sensor)).context["used_in"]

        assert [each.name for each in used] == ["Asks it", "Compares it"]

    def test_names_no_saved_question_of_others(self, ada: User) -> None:
        sensor = own_sensor(ada)
        saved("Get Quirky Room from all machines")

        answer = client_of(reader("Default")).get(page_of(sensor))

        assert answer.context["used_in"] == []

    def test_is_not_there_for_who_may_not_read_it(self, ada: User) -> None:
        assert client_of(reader("Base")).get(page_of(own_sensor(ada))).status_code == 404

    def test_says_that_it_is_retired(self, root: Client, ada: User) -> None:
        sensor = own_sensor(ada)
        retire_sensor(sensor, user=ada, actor=Actor("ada"), now=scene.NOW)

        page = text_of(root.get(page_of(sensor)))

        assert "Nobody can ask it any more" in page
        assert "Ask this" not in page
        assert f"{LIST}{sensor.pk}/change/" not in page


class TestOneVersion:
    def test_shows_what_changed_since_the_one_before(self, root: Client, ada: User) -> None:
        sensor = own_sensor(ada, script="one\ntwo\nthree")
        change(sensor, ada, "one\n2\nthree")

        answer = root.get(f"{page_of(sensor)}versions/2/")

        changed = [(line.kind, line.text) for line in answer.context["lines"]]
        assert changed == [("same", "one"), ("removed", "two"), ("added", "2"), ("same", "three")]
        assert 'became <span class="v-chip">;</span>' in text_of(answer)

    def test_compares_with_any_other(self, root: Client, ada: User) -> None:
        sensor = own_sensor(ada, script="one")
        change(sensor, ada, "two")
        change(sensor, ada, "one")

        answer = root.get(f"{page_of(sensor)}versions/3/?since=1")

        assert answer.context["lines"] == []
        assert "The scripts are equal." in text_of(answer)

    def test_shows_the_first_without_a_difference(self, root: Client, ada: User) -> None:
        page = text_of(root.get(f"{page_of(own_sensor(ada))}versions/1/"))

        assert "There is nothing before it." in page

    def test_is_not_there_when_there_is_none(self, root: Client, ada: User) -> None:
        assert root.get(f"{page_of(own_sensor(ada))}versions/9/").status_code == 404


class TestRetiring:
    def test_leads_back_to_the_list(self, root: Client, ada: User) -> None:
        sensor = own_sensor(ada)

        answer = root.post(f"{page_of(sensor)}retire/", follow=True)

        assert messages_of(answer) == ["“Quirky Room” is retired. Its old answers stay."]
        sensor.refresh_from_db()
        assert sensor.retired_at is not None

    def test_is_refused_to_readers_and_of_built_in_ones(self, root: Client, ada: User) -> None:
        built_in = Sensor.objects.get(key="computer.name")
        own = own_sensor(ada)

        assert root.post(f"{page_of(built_in)}retire/").status_code == 403
        assert client_of(reader("Default")).post(f"{page_of(own)}retire/").status_code == 403
