"""The pages and resources of computer groups."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from django.test import Client

from console.access.models import User
from console.endpoints import groups as services
from console.endpoints import jobs
from console.endpoints.explanation import explain
from console.endpoints.facts import Fact, calls_of_groups, record_facts
from console.endpoints.groups import GroupDraft, create_group
from console.endpoints.models import ComputerGroup, Endpoint
from tests.console.api_client import api_client, make_administrator, make_user
from tests.console.computers import ADMINISTRATOR, NOW, enrolled_endpoint
from tests.console.pages import browser, messages_of, text_of
from tests.console.questions.scene import person
from tests.console.roles import all_computers, give_role, manual_group

pytestmark = pytest.mark.django_db

WRITES = (
    *("endpoints.view_computergroup", "endpoints.add_computergroup", "endpoints.view_endpoint"),
    *("endpoints.change_computergroup", "endpoints.delete_computergroup"),
)
PAGE = "/endpoints/computergroup"
API = "/api/v1/computer-groups/"


def make_group(rule: str, name: str = "Servers") -> ComputerGroup:
    """Make a filter group."""
    return create_group(GroupDraft(name=name, rule=rule), actor=ADMINISTRATOR, now=NOW)


def in_page(page: str, element: str) -> Any:
    """Read a document that the page's script reads."""
    found = re.search(rf'<script id="{element}" type="application/json">(.*?)</script>', page, re.S)
    assert found is not None
    return json.loads(found[1])


class TestEditor:
    def test_makes_a_group_by_its_rule(self) -> None:
        enrolled_endpoint("web-1")
        sent = {"name": "Web", "kind": "filter", "rule": 'Computer Name starting with "web"'}

        done = browser(*WRITES).post(f"{PAGE}/add/", sent, follow=True)

        assert messages_of(done) == ["“Web” was saved."]
        assert ComputerGroup.objects.get(name="Web").member_count == 1

    def test_shows_the_rule_clicked_together(self) -> None:
        group = make_group('not (Label is "a" or Is Linux is "True")')

        page = text_of(browser(*WRITES).get(f"{PAGE}/{group.pk}/change/"))

        assert in_page(page, "rule-form") == {
            "op": "not",
            "parts": [
                {
                    "op": "or",
                    "parts": [
                        _compared("Label", "is", "a"),
                        _compared("Is Linux", "is", "True"),
                    ],
                }
            ],
        }
        names = [choice["name"] for choice in in_page(page, "rule-choices")]
        assert {"Computer Name", "Label", "Computer Group"} <= set(names)

    def test_says_what_is_wrong_and_keeps_what_was_typed(self) -> None:
        sent = {"name": "Web", "kind": "filter", "rule": 'Colour is "red"'}

        answer = browser(*WRITES).post(f"{PAGE}/add/", sent)

        assert answer.status_code == 400
        page = answer.content.decode()
        assert "there is no sensor “Colour”" in page
        assert "Colour is &quot;red&quot;" in page

    def test_takes_names_and_ids_for_a_group_by_hand(self) -> None:
        first, second = enrolled_endpoint("web-1"), enrolled_endpoint("web-2")
        sent = {"name": "Pilot", "kind": "manual", "members": f"WEB-1\n\n{second.pk}\n"}

        browser(*WRITES).post(f"{PAGE}/add/", sent)

        group = ComputerGroup.objects.get(name="Pilot")
        assert set(Endpoint.objects.filter(memberships__group=group)) == {first, second}

    def test_names_endpoints_that_are_not_there(self) -> None:
        sent = {"name": "Pilot", "kind": "manual", "members": "nobody"}

        answer = browser(*WRITES).post(f"{PAGE}/add/", sent)

        assert "There is no endpoint “nobody”." in answer.content.decode()

    def test_lets_a_group_that_a_role_reaches_be_changed_by_who_reaches_everything_only(
        self,
    ) -> None:
        near = enrolled_endpoint("near")
        group = manual_group("Near", near)
        user = make_user("ada", is_staff=True)
        give_role(user, *WRITES, groups=[group])

        answer = api_client(user).patch(f"{API}{group.pk}/", {"name": "Mine"}, format="json")

        assert answer.status_code == 403


class TestDeleting:
    def test_asks_with_the_name_and_deletes(self) -> None:
        group = make_group('Is Linux is "True"')
        client = browser(*WRITES)

        assert "Delete the group “Servers”?" in text_of(client.get(f"{PAGE}/{group.pk}/delete/"))
        done = client.post(f"{PAGE}/{group.pk}/delete/", follow=True)

        assert messages_of(done) == ["The group “Servers” was deleted."]

    def test_tells_which_roles_use_it(self) -> None:
        group = make_group('Is Linux is "True"')
        give_role(make_user("bob"), groups=[group])
        client = browser(*WRITES, "access.view_role")

        page = text_of(client.get(f"{PAGE}/{group.pk}/delete/"))
        refused = client.post(f"{PAGE}/{group.pk}/delete/")

        assert "role of bob 0" in page
        assert "is used by “role of bob 0”" in messages_of(refused)[0]
        assert ComputerGroup.objects.filter(pk=group.pk).exists()

    def test_names_no_role_and_no_group_that_is_hidden_from_the_user(self) -> None:
        group = make_group('Is Linux is "True"')
        make_group('Computer Group is "Servers"', "Secret group")
        give_role(make_user("bob"), groups=[group])
        user = make_user("eve", is_staff=True)
        own = give_role(user, *WRITES, groups=[group])
        client = Client()
        client.force_login(user, "django.contrib.auth.backends.ModelBackend")

        page = text_of(client.get(f"{PAGE}/{group.pk}/delete/"))
        refused = messages_of(client.post(f"{PAGE}/{group.pk}/delete/"))[0]
        told = api_client(user).delete(f"{API}{group.pk}/").json()["detail"]

        for said in (page, refused, told):
            assert own.name in said
            assert "role of bob" not in said
            assert "Secret" not in said
        assert "Other roles or groups that are hidden from you use it, too" in page
        assert "and others" in told


class TestExplaining:
    def test_says_true_and_false_with_the_values_found(self) -> None:
        endpoint = enrolled_endpoint("web-1")
        rule = 'not IP Address in cidr "10.0.0.0/8" and Chassis Type:Chassis Type is "vm"'
        group = make_group(rule)

        unknown = explain(group, endpoint, user=make_administrator())
        assert (unknown.kind, unknown.holds) == ("all", None)
        [address, chassis] = unknown.parts
        assert (address.kind, address.holds) == ("not", True)
        assert address.parts[0].found == ("192.0.2.10",)
        assert chassis.holds is None

        [call] = calls_of_groups()
        record_facts([Fact(endpoint.pk, call, [["Laptop", ""]], NOW)])
        known = explain(group, endpoint, user=User.objects.get())
        assert (known.holds, known.parts[1].found) == (False, ("Laptop | ",))

    def test_stands_on_a_page_that_takes_a_name(self) -> None:
        enrolled_endpoint("web-1")
        group = make_group('Computer Name is "web-1"')
        client = browser(*WRITES)

        page = text_of(client.get(f"{PAGE}/{group.pk}/explain/?endpoint=WEB-1"))
        missing = text_of(client.get(f"{PAGE}/{group.pk}/explain/?endpoint=nobody"))

        assert "In the group" in page
        assert "There is no endpoint “nobody”." in missing

    def test_withholds_what_sensors_hold_that_the_user_may_not_read(self) -> None:
        endpoint = enrolled_endpoint("web-1")
        group = make_group('Chassis Type:Chassis Type is "laptop"')
        [call] = calls_of_groups()
        record_facts([Fact(endpoint.pk, call, [["Laptop", "Very private"]], NOW)])
        wanted = f"?endpoint={endpoint.pk}"

        page = text_of(browser(*WRITES).get(f"{PAGE}/{group.pk}/explain/{wanted}"))
        told = api_client(make_user("bob", *WRITES)).get(f"{API}{group.pk}/explain/{wanted}").json()

        assert "that you may not read" in page
        assert "Very private" not in page
        assert (told["holds"], told["is_withheld"], told["found"]) == (True, True, [])

    def test_shows_what_sensors_hold_to_who_may_read_them(self) -> None:
        endpoint = enrolled_endpoint("web-1")
        group = make_group('Chassis Type:Chassis Type is "laptop"')
        [call] = calls_of_groups()
        record_facts([Fact(endpoint.pk, call, [["Laptop", "Not private"]], NOW)])
        user = person("bob", groups=[all_computers()], content_sets=["Base"])

        reason = explain(group, endpoint, user=user)

        assert (reason.found, reason.is_withheld) == (("Laptop | Not private",), False)

    def test_names_no_group_that_is_hidden_from_the_user(self) -> None:
        endpoint = enrolled_endpoint("web-1")
        near, _hidden = manual_group("Site north", endpoint), manual_group("Site secret", endpoint)
        group = make_group('Computer Group starting with "Site"')
        user = make_user("bob")
        give_role(user, "endpoints.view_computergroup", groups=[near, group])

        reason = explain(group, endpoint, user=user)

        assert (reason.holds, reason.found) == (True, ("Site north",))

    @pytest.mark.parametrize("kind", ["all", "none", "manual"])
    def test_of_groups_without_a_rule_says_so_in_a_sentence(self, kind: str) -> None:
        endpoint = enrolled_endpoint("web-1")
        group = (
            manual_group("Pilot", endpoint)
            if kind == "manual"
            else ComputerGroup.objects.get(kind=kind)
        )

        reason = explain(group, endpoint, user=make_administrator())

        assert reason.kind == "sentence"
        assert reason.holds is (kind != "none")


class TestApi:
    def test_makes_changes_and_deletes(self) -> None:
        enrolled_endpoint("web-1")
        api = api_client(make_user("ada", *WRITES))

        made = api.post(API, {"name": "Web", "rule": 'Is Linux is "True"'}, format="json")
        assert (made.status_code, made.json()["members"]) == (201, 1)
        address = f"{API}{made.json()['id']}/"
        changed = api.patch(address, {"rule": 'Is Mac is "True"'}, format="json").json()
        assert (changed["name"], changed["members"]) == ("Web", 0)
        assert api.delete(address).status_code == 204

    def test_previews_both_forms_of_a_rule(self) -> None:
        enrolled_endpoint("web-1")
        enrolled_endpoint("db-1")
        api = api_client(make_user("ada", *WRITES))
        form = _compared("Computer Name", "starting with", "web")

        by_form = api.post(f"{API}preview/", {"form": form}, format="json").json()
        by_text = api.post(f"{API}preview/", {"rule": by_form["rule"]}, format="json").json()

        assert by_form == by_text
        assert by_form["rule"] == 'Computer Name starting with "web"'
        assert [row["host_name"] for row in by_form["members"]] == ["web-1"]

    def test_points_at_what_is_wrong(self) -> None:
        api = api_client(make_user("ada", *WRITES))
        form = {
            "op": "and",
            "parts": [_compared("Label", "is", "a"), _compared("IP Address", "in cidr", "x")],
        }

        by_text = api.post(f"{API}preview/", {"rule": 'Label is "a" and'}, format="json").json()
        by_form = api.post(f"{API}preview/", {"form": form}, format="json").json()

        assert (by_text["line"], by_text["column"]) == (1, 17)
        assert by_form["path"] == "filter.parts[1].value"

    def test_finds_nothing_out_of_sensors_that_the_user_may_not_read(self) -> None:
        endpoint = enrolled_endpoint("web-1")
        rule = 'Chassis Type:Chassis Type is "laptop"'
        make_group(rule)
        [call] = calls_of_groups()
        record_facts([Fact(endpoint.pk, call, [["Laptop", ""]], NOW)])
        own = make_group('Is Linux is "True"', "Linux")
        api = api_client(make_user("ada", *WRITES))
        page = browser(*WRITES, name="bob")
        form = {**_compared("Chassis Type", "is", "Laptop"), "column": "Chassis Type"}
        of_administrator = api_client(make_administrator())

        allowed = [
            of_administrator.post(f"{API}preview/", sent, format="json").json()["count"]
            for sent in ({"rule": rule}, {"form": form})
        ]
        answers = [
            api.post(f"{API}preview/", {"rule": rule}, format="json"),
            api.post(f"{API}preview/", {"form": form}, format="json"),
            api.post(API, {"name": "Web", "rule": rule}, format="json"),
            api.patch(f"{API}{own.pk}/", {"rule": rule}, format="json"),
            page.post(f"{PAGE}/add/", {"name": "Web", "kind": "filter", "rule": rule}),
            page.post(f"{PAGE}/{own.pk}/change/", {"name": "Linux", "rule": rule}),
        ]

        assert allowed == [1, 1]
        assert [answer.status_code for answer in answers] == [400] * 6
        position = {"rule": "Chass", "position": 5}
        offered = api.post(f"{API}complete/", position, format="json").content.decode()
        assert "Chassis" not in offered

    def test_lists_members_and_explains(self) -> None:
        endpoint = enrolled_endpoint("web-1")
        group = make_group('Computer Name is "web-1"')
        api = api_client(make_user("ada", *WRITES))

        members = api.get(f"{API}{group.pk}/members/").json()["results"]
        reason = api.get(f"{API}{group.pk}/explain/?endpoint={endpoint.pk}").json()

        assert members == [{"id": str(endpoint.pk), "host_name": "web-1"}]
        assert (reason["holds"], reason["found"]) == (True, ["web-1"])


@pytest.mark.django_db(transaction=True)
def test_many_endpoints_are_evaluated_in_the_background(monkeypatch: pytest.MonkeyPatch) -> None:
    wishes: list[dict[str, Any]] = []
    monkeypatch.setattr(services, "AT_ONCE", 0)
    monkeypatch.setattr(jobs.evaluate_groups, "apply_async", lambda **wish: wishes.append(wish))
    enrolled_endpoint("web-1")
    group = make_group('Is Linux is "True"')
    assert group.evaluated_at is None
    page = text_of(browser(*WRITES).get(f"{PAGE}/{group.pk}/change/"))
    assert "Finding members" in page

    [wish] = wishes
    jobs.evaluate_groups(**wish["kwargs"])

    group.refresh_from_db()
    assert (group.member_count, wish["queue"]) == (1, "bulk")
    assert group.evaluated_at is not None


def _compared(sensor: str, operator: str, value: str) -> dict[str, Any]:
    return {
        "sensor": sensor,
        "parameters": {},
        "column": "",
        "operator": operator,
        "value": value,
    }
