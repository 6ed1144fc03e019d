"""Labels: made, put on endpoints in bulk, found and taken off again."""

from __future__ import annotations

import re

import pytest

from console.access.models import User
from console.audit.models import AuditEvent
from console.core.actor import Actor
from console.core.exceptions import InvalidInput, NotAllowed
from console.endpoints import label_pages
from console.endpoints.labels import (
    LabelDraft,
    change_label,
    create_label,
    delete_label,
    place_labels,
)
from console.endpoints.models import Endpoint, Label
from tests.console.api_client import api_client, make_user
from tests.console.computers import ADMINISTRATOR, NOW, enrolled_endpoint
from tests.console.pages import browser, messages_of, text_of
from tests.console.questions import scene
from tests.console.roles import give_role, manual_group

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("valkey")]

WRITES = (
    *("endpoints.view_label", "endpoints.change_label", "endpoints.add_label"),
    *("endpoints.delete_label", "endpoints.view_endpoint"),
)

EVERY_ENDPOINT = {"action": "label_chosen", "select_across": "1", "_selected_action": ["x"]}


def make_label(name: str = "crown jewel", colour: str = "red") -> Label:
    """Make a label."""
    return create_label(LabelDraft(name, colour), actor=ADMINISTRATOR, now=NOW)


def near_user(near: Endpoint) -> User:
    """Make somebody who may label one endpoint."""
    user = make_user("near")
    give_role(user, *WRITES, groups=[manual_group("Near", near)])
    return user


class TestPlacing:
    def test_puts_and_takes_in_one_go(self) -> None:
        first, second = enrolled_endpoint("web-1"), enrolled_endpoint("web-2")
        old, new = make_label("old"), make_label("new")
        place_labels([first.pk], put=[old], actor=ADMINISTRATOR, now=NOW)

        changed = place_labels(
            [first.pk, second.pk], put=[new], take=[old], actor=ADMINISTRATOR, now=NOW
        )

        assert changed == 2
        assert set(new.endpoints.all()) == {first, second}
        assert not old.endpoints.exists()

    def test_of_what_is_there_already_changes_and_records_nothing(self) -> None:
        endpoint, label = enrolled_endpoint("web-1"), make_label()
        place_labels([endpoint.pk], put=[label], actor=ADMINISTRATOR, now=NOW)
        before = AuditEvent.objects.count()

        assert place_labels([endpoint.pk], put=[label], actor=ADMINISTRATOR, now=NOW) == 0
        assert AuditEvent.objects.count() == before


class TestChanging:
    @pytest.mark.parametrize(("name", "colour"), [("", ""), ("CROWN JEWEL", ""), ("x", "pink")])
    def test_refuses_what_is_empty_taken_or_unknown(self, name: str, colour: str) -> None:
        make_label()

        with pytest.raises(InvalidInput):
            create_label(LabelDraft(name, colour), actor=ADMINISTRATOR, now=NOW)

    def test_of_a_label_on_endpoints_out_of_reach_is_refused(self) -> None:
        near, far = enrolled_endpoint("near"), enrolled_endpoint("far")
        label = make_label()
        place_labels([near.pk, far.pk], put=[label], actor=ADMINISTRATOR, now=NOW)
        user = near_user(near)
        actor = Actor(user.username, user.pk)

        with pytest.raises(NotAllowed):
            change_label(label, LabelDraft("mine"), actor=actor, now=NOW)
        with pytest.raises(NotAllowed):
            delete_label(label, actor=actor, now=NOW)


class TestPages:
    def test_ask_for_labels_of_the_chosen_endpoints_and_place_them(self) -> None:
        first, second = enrolled_endpoint("web-1"), enrolled_endpoint("web-2")
        label = make_label()
        client = browser(*WRITES)
        chosen = {"action": "label_chosen", "_selected_action": [str(first.pk), str(second.pk)]}

        asked = text_of(client.post("/endpoints/endpoint/", chosen))
        assert "Labels of 2 endpoints" in asked
        assert "web-1, web-2" in asked
        sent = {
            "then": "place",
            "endpoints": chosen["_selected_action"],
            f"label-{label.pk}": "put",
            "new": "fresh",
        }
        done = client.post("/endpoints/labelling/", sent, follow=True)

        assert messages_of(done) == ["Labels of 2 endpoints changed."]
        assert sorted(Label.objects.values_list("name", flat=True)) == ["crown jewel", "fresh"]
        assert label.endpoints.count() == 2
        listed = text_of(client.get(f"/endpoints/endpoint/?label={label.pk}"))
        assert listed.count("v-label is-red") == 2

    def test_label_more_endpoints_than_a_form_has_fields(self) -> None:
        scene.prepare()
        scene.endpoints(1_100)
        label = make_label()
        client = browser(*WRITES)

        page = text_of(client.post("/endpoints/endpoint/", EVERY_ENDPOINT))
        fields = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page))
        done = client.post(
            "/endpoints/labelling/", {**fields, f"label-{label.pk}": "put"}, follow=True
        )

        assert messages_of(done) == ["Labels of 1,100 endpoints changed."]
        assert label.endpoints.count() == 1_100

    def test_say_when_more_were_chosen_than_can_be_labelled_at_once(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name in ("web-1", "web-2", "web-3"):
            enrolled_endpoint(name)
        client = browser(*WRITES)
        assert 'role="alert"' not in text_of(client.post("/endpoints/endpoint/", EVERY_ENDPOINT))
        monkeypatch.setattr(label_pages, "MOST_AT_ONCE", 2)

        page = text_of(client.post("/endpoints/endpoint/", EVERY_ENDPOINT))

        assert "Labels of 2 endpoints" in page
        assert "You chose 1 endpoint more" in page

    def test_rename_and_delete_with_the_name_in_the_question(self) -> None:
        label = make_label()
        client = browser(*WRITES)
        page = f"/endpoints/label/{label.pk}"

        client.post(f"{page}/change/", {"name": "kiosk", "colour": ""})
        assert Label.objects.get().name == "kiosk"
        assert "Delete the label “kiosk”?" in text_of(client.get(f"{page}/delete/"))
        client.post(f"{page}/delete/")

        assert not Label.objects.exists()

    def test_say_what_is_wrong_with_a_name(self) -> None:
        make_label()

        answer = browser(*WRITES).post("/endpoints/label/add/", {"name": "Crown Jewel"})

        assert answer.status_code == 400
        assert "There is such a label already." in answer.content.decode()


class TestApi:
    def test_makes_assigns_renames_and_deletes(self) -> None:
        endpoint = enrolled_endpoint("web-1")
        api = api_client(make_user("ada", *WRITES))

        made = api.post("/api/v1/labels/", {"name": "kiosk", "colour": "blue"}, format="json")
        assert made.status_code == 201
        sent = {"endpoints": [str(endpoint.pk)], "put": ["KIOSK"]}
        assert api.post("/api/v1/labels/assign/", sent, format="json").json() == {"changed": 1}
        address = f"/api/v1/labels/{made.json()['id']}/"
        assert api.patch(address, {"name": "front"}, format="json").json()["endpoints"] == 1
        found = api.get("/api/v1/endpoints/?label=front").json()["results"]
        assert [row["id"] for row in found] == [str(endpoint.pk)]
        assert api.delete(address).status_code == 204

    def test_names_a_label_that_is_not_there(self) -> None:
        endpoint = enrolled_endpoint("web-1")
        sent = {"endpoints": [str(endpoint.pk)], "put": ["none"]}

        answer = api_client(make_user("ada", *WRITES)).post(
            "/api/v1/labels/assign/", sent, format="json"
        )

        assert answer.status_code == 400
        assert answer.json()["errors"] == {"put": ["There is no label “none”."]}
