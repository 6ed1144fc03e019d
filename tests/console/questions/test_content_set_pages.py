"""Administrators make, rename and delete content sets, and see what lies in them."""

from __future__ import annotations

import pytest
import redis
from django.test import Client

from console.access.models import ContentSet, User
from tests.console.pages import messages_of, text_of
from tests.console.questions import scene
from tests.console.questions.sensor_drafts import client_of, own_sensor, writer

pytestmark = pytest.mark.django_db(transaction=True)

SETS = "/content-sets/"


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


def made(name: str = "Night shift") -> ContentSet:
    return ContentSet.objects.create(name=name)


def page_of(content_set: ContentSet) -> str:
    return f"{SETS}{content_set.pk}/"


class TestTheList:
    def test_counts_what_lies_in_each(self, root: Client, ada: User) -> None:
        own_sensor(ada, content_set=made())

        rows = {row["set"].name: row for row in root.get(SETS).context["rows"]}

        assert rows["Night shift"]["set"].sensor_count == 1
        assert (rows["Night shift"]["is_seeded"], rows["Base"]["is_seeded"]) == (False, True)

    def test_is_not_for_others(self) -> None:
        assert client_of(writer()).get(SETS).status_code == 403


class TestAdding:
    def test_leads_to_the_new_one(self, root: Client) -> None:
        answer = root.post(f"{SETS}add/", {"name": "Night shift", "description": "Ours"})

        assert answer["Location"] == page_of(ContentSet.objects.get(name="Night shift"))

    def test_says_that_a_name_is_taken(self, root: Client) -> None:
        page = text_of(root.post(f"{SETS}add/", {"name": "Base"}))

        assert "already exists" in page


class TestOne:
    def test_shows_what_lies_in_it_and_which_roles_use_it(self, root: Client, ada: User) -> None:
        content_set = ContentSet.objects.get(name="Default")
        own_sensor(ada)
        writer()

        page = text_of(root.get(page_of(content_set)))

        assert "Quirky Room" in page
        assert "role of carol" in page
        assert "Read Sensor, Write Sensor" in page

    def test_is_renamed(self, root: Client) -> None:
        content_set = made()

        root.post(page_of(content_set), {"name": "Day shift", "description": "Also ours"})

        content_set.refresh_from_db()
        assert (content_set.name, content_set.description) == ("Day shift", "Also ours")

    def test_stays_as_it_is_when_it_comes_with_the_console(self, root: Client) -> None:
        base = ContentSet.objects.get(name="Base")

        root.post(page_of(base), {"name": "Mine"})

        base.refresh_from_db()
        assert base.name == "Base"

    def test_is_not_there_when_there_is_none(self, root: Client) -> None:
        assert root.get(f"{SETS}987654/").status_code == 404


class TestDeleting:
    def test_removes_an_empty_one(self, root: Client) -> None:
        content_set = made()

        answer = root.post(f"{page_of(content_set)}delete/", follow=True)

        assert messages_of(answer) == ["“Night shift” was deleted."]
        assert not ContentSet.objects.filter(pk=content_set.pk).exists()

    def test_is_refused_while_something_lies_in_it(self, root: Client, ada: User) -> None:
        content_set = made()
        own_sensor(ada, content_set=content_set)

        answer = root.post(f"{page_of(content_set)}delete/", follow=True)

        assert "is not empty" in messages_of(answer)[0]
        assert ContentSet.objects.filter(pk=content_set.pk).exists()
