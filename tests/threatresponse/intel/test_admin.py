"""The pages of Signals: writing, deploying, refusals at their place, and who may do what."""

from __future__ import annotations

import uuid
from typing import Any
from urllib.parse import urlsplit

import pytest
import redis
from django.test import Client

from tests.console.computers import ADMINISTRATOR, NOW, prepare_console
from tests.console.pages import browser, messages_of, text_of
from threatresponse.deployment.services import deploy_intel
from threatresponse.intel.models import IntelDocument
from threatresponse.intel.services import SignalDraft, create_intel

pytestmark = pytest.mark.django_db(transaction=True)

LIST = "/intel/inteldocument/"
SEES, ADDS = "intel.view_inteldocument", "intel.add_inteldocument"
CHANGES, DEPLOYS = "intel.change_inteldocument", "intel.deploy_inteldocument"
DELETES = "intel.delete_inteldocument"
HOSTILE = "<script>alert('x')</script>"
FILLED = {
    "name": "Shell from the web server",
    "platforms": ["linux"],
    "definition": "process.path ends with '/sh'",
    "techniques": "t1059.004, T1190",
    "description": "A web server has no business with a shell.",
}


@pytest.fixture(autouse=True)
def empty_redis(valkey: redis.Redis) -> None:
    valkey.flushdb()


def stored(**changes: Any) -> IntelDocument:
    """Store a Signal."""
    values: dict[str, Any] = FILLED | {"techniques": ["T1190"]} | changes
    return create_intel(SignalDraft(**values), actor=ADMINISTRATOR, now=NOW)


def page_of(document: IntelDocument) -> str:
    """Return the address of a Signal's page."""
    return f"{LIST}{document.pk}/change/"


class TestPermissions:
    @pytest.mark.parametrize("path", [LIST, f"{LIST}add/"])
    def test_leads_whoever_is_not_logged_in_to_the_login(self, path: str) -> None:
        response = Client().get(path)

        assert (response.status_code, urlsplit(response["Location"]).path) == (302, "/login/")

    @pytest.mark.parametrize("path", [LIST, f"{LIST}add/"])
    def test_refuses_users_without_the_permission(self, path: str) -> None:
        assert browser("alerts.view_alert").get(path).status_code == 403

    def test_lets_nobody_change_who_may_only_look(self) -> None:
        client, document = browser(SEES), stored()

        assert client.post(page_of(document), FILLED).status_code == 403
        assert client.post(f"{LIST}{document.pk}/deploy/").status_code == 403
        assert client.post(f"{LIST}{document.pk}/withdraw/").status_code == 403
        assert client.post(f"{LIST}{document.pk}/delete/").status_code == 403

    def test_shows_only_what_the_user_may_do(self) -> None:
        page = text_of(browser(SEES, CHANGES).get(page_of(stored())))

        assert "Save and deploy" not in page
        assert "Delete …" not in page

    def test_deploys_by_post_only(self) -> None:
        client, document = browser(SEES, DEPLOYS), stored()

        assert client.get(f"{LIST}{document.pk}/deploy/").status_code == 403


class TestWriting:
    def test_stores_a_new_signal(self) -> None:
        client = browser(SEES, ADDS)

        response = client.post(f"{LIST}add/", FILLED, follow=True)

        document = IntelDocument.objects.get()
        assert document.techniques == ["T1059.004", "T1190"]
        assert messages_of(response) == ["“Shell from the web server” was saved."]

    def test_warns_of_a_signal_that_can_never_match(self) -> None:
        silent = FILLED | {"definition": "file.magic starts with 'MZ'"}

        response = browser(SEES, ADDS).post(f"{LIST}add/", silent, follow=True)

        assert IntelDocument.objects.get().definition == silent["definition"]
        assert "It can never match on Linux: file.magic is not recorded there." in messages_of(
            response
        )

    def test_says_where_a_definition_is_wrong(self) -> None:
        wrong = FILLED | {"definition": "process.path ends\nwit '/sh'"}

        page = text_of(browser(SEES, ADDS).post(f"{LIST}add/", wrong))

        assert "line 2, column 1" in page
        assert not IntelDocument.objects.exists()

    @pytest.mark.parametrize(
        ("changes", "reason"),
        [
            ({"name": ""}, "This field is required."),
            ({"platforms": []}, "Choose at least one operating system."),
            ({"techniques": "T1"}, "is not a technique id"),
            ({"name": "a\x1bb"}, "control characters are not allowed"),
        ],
    )
    def test_says_what_is_wrong_with_a_field(self, changes: dict[str, Any], reason: str) -> None:
        page = text_of(browser(SEES, ADDS).post(f"{LIST}add/", FILLED | changes))

        assert reason in page

    def test_refuses_a_name_that_is_taken(self) -> None:
        client = browser(SEES, ADDS)
        stored()

        assert "another document is called" in text_of(client.post(f"{LIST}add/", FILLED))

    def test_does_not_overwrite_what_somebody_else_changed(self) -> None:
        client, document = browser(SEES, CHANGES), stored()
        sent = FILLED | {"name": "Mine", "read_at": "2020-01-01T00:00:00+00:00"}

        page = text_of(client.post(page_of(document), sent))

        document.refresh_from_db()
        assert "meanwhile" in page
        assert document.name == FILLED["name"]

    def test_shows_hostile_text_as_text(self) -> None:
        document = stored(name=HOSTILE, description=HOSTILE)
        client = browser(SEES, CHANGES)

        for path in (LIST, page_of(document)):
            page = text_of(client.get(path))
            assert HOSTILE not in page
            assert "&lt;script&gt;alert" in page

    @pytest.mark.parametrize("object_id", ["x", str(uuid.uuid4())])
    def test_answers_404_for_a_signal_that_is_not_there(self, object_id: str) -> None:
        assert browser(SEES).get(f"{LIST}{object_id}/change/").status_code == 404


class TestDeploying:
    def test_saves_and_deploys_at_once(self) -> None:
        prepare_console()
        client = browser(SEES, ADDS, DEPLOYS)

        response = client.post(f"{LIST}add/", FILLED | {"then": "deploy"}, follow=True)

        assert IntelDocument.objects.get().is_deployed
        assert "is on its way to every endpoint" in messages_of(response)[0]

    def test_only_saves_for_users_who_may_not_deploy(self) -> None:
        browser(SEES, ADDS).post(f"{LIST}add/", FILLED | {"then": "deploy"})

        assert not IntelDocument.objects.get().is_deployed

    def test_withdraws(self) -> None:
        prepare_console()
        client, document = browser(SEES, DEPLOYS), stored()
        deploy_intel(document, actor=ADMINISTRATOR, now=NOW)

        response = client.post(f"{LIST}{document.pk}/withdraw/", follow=True)

        document.refresh_from_db()
        assert not document.is_deployed
        assert "is being withdrawn" in messages_of(response)[0]


class TestDeleting:
    def test_asks_first(self) -> None:
        client, document = browser(SEES, DELETES), stored()

        assert "Delete “Shell from the web server”?" in text_of(
            client.get(f"{LIST}{document.pk}/delete/")
        )
        assert IntelDocument.objects.exists()

    def test_deletes(self) -> None:
        client, document = browser(SEES, DELETES), stored()

        client.post(f"{LIST}{document.pk}/delete/")

        assert not IntelDocument.objects.exists()

    def test_keeps_what_is_deployed_and_says_why(self) -> None:
        prepare_console()
        client, document = browser(SEES, DELETES), stored()
        deploy_intel(document, actor=ADMINISTRATOR, now=NOW)

        response = client.post(f"{LIST}{document.pk}/delete/", follow=True)

        assert IntelDocument.objects.exists()
        assert "withdraw it first" in messages_of(response)[0]
