from __future__ import annotations

from typing import Any

import pytest
import redis
from rest_framework.test import APIClient

from console.access.models import ContentSet, Role, User
from tests.console.api_client import api_client, make_administrator, make_user

pytestmark = pytest.mark.django_db(transaction=True)

ROLES, USERS, SETS = "/api/v1/roles/", "/api/v1/users/", "/api/v1/content-sets/"


@pytest.fixture(autouse=True)
def empty_redis(valkey: redis.Redis) -> None:
    valkey.flushdb()


@pytest.fixture
def client() -> APIClient:
    return api_client(make_administrator())


def _seeded(key: str = "threat_response_user") -> Role:
    return Role.objects.get(key=key)


def _made(client: APIClient, **wish: Any) -> dict[str, Any]:
    answer = client.post(ROLES, {"name": "Night shift", **wish})
    assert answer.status_code == 201, answer.json()
    made: dict[str, Any] = answer.json()
    return made


class TestRoles:
    def test_are_listed_with_all_that_they_amount_to(self, client: APIClient) -> None:
        bob = make_user("bob")
        bob.groups.add(_seeded())

        roles = {role["key"]: role for role in client.get(ROLES).json()["results"]}

        assert roles["threat_response_user"]["members"] == [bob.pk]
        assert "detect_alert_read" in roles["threat_response_user"]["permissions"]
        assert {"content_set": "Base", "permission": "read_sensor"} in roles[
            "threat_response_user"
        ]["content"]
        assert roles["administrator"]["reaches_everything"]
        assert len(roles["administrator"]["members"]) == 1

    def test_are_listed_with_a_bounded_number_of_queries(
        self, client: APIClient, django_assert_max_num_queries: Any
    ) -> None:
        with django_assert_max_num_queries(20):
            client.get(ROLES)

    def test_are_made_changed_and_deleted(self, client: APIClient) -> None:
        role = _made(client, permissions=["detect_alert_write"])
        assert "detect_alert_read" in role["permissions"]

        grant = {"content_set": "Base", "permission": "read_sensor"}
        answer = client.patch(f"{ROLES}{role['id']}/", {"description": "x", "content": [grant]})
        assert answer.json()["content"] == [grant]
        assert "detect_alert_write" in answer.json()["permissions"]

        assert client.delete(f"{ROLES}{role['id']}/").status_code == 204
        assert client.get(f"{ROLES}{role['id']}/").status_code == 404

    def test_are_copied(self, client: APIClient) -> None:
        answer = client.post(f"{ROLES}{_seeded().pk}/copy/", {"name": "Tier one"})

        assert answer.status_code == 201
        assert answer.json()["key"] is None
        assert "detect_intel_write" in answer.json()["permissions"]

    def test_that_are_seeded_say_how_to_change_them(self, client: APIClient) -> None:
        answer = client.patch(f"{ROLES}{_seeded().pk}/", {"permissions": []})

        assert answer.status_code == 409
        assert "copy it" in answer.json()["detail"]

    def test_take_members_in_a_request_of_their_own(self, client: APIClient) -> None:
        address, bob = f"{ROLES}{_seeded().pk}/", make_user("bob")

        assert client.patch(address, {"members": [bob.pk], "name": "x"}).status_code == 400
        assert client.patch(address, {"members": [bob.pk]}).json()["members"] == [bob.pk]

    @pytest.mark.parametrize(
        "wish",
        [
            {"name": ""},
            {"name": "Index User"},
            {"name": "x", "permissions": ["become_king"]},
            {"name": "x", "permissions": "all"},
            {"name": "x", "content": [{"content_set": "Base"}]},
            {"name": "x", "content": [{"content_set": "Nowhere", "permission": "read_sensor"}]},
        ],
    )
    def test_that_make_no_sense_are_refused(self, client: APIClient, wish: Any) -> None:
        answer = client.post(ROLES, wish)

        assert answer.status_code == 400
        assert answer.json()["errors"]


class TestRolesOfUsers:
    def test_are_shown_and_given_by_administrators(self, client: APIClient) -> None:
        bob, role = make_user("bob"), _seeded()

        answer = client.patch(f"{USERS}{bob.pk}/", {"roles": [role.pk]})

        assert answer.json()["roles"] == [role.pk]
        assert User.objects.get(pk=bob.pk).has_perm("alerts.view_alert")

    def test_are_given_to_a_new_user(self, client: APIClient) -> None:
        wish = {"username": "bob", "password": "another long pass phrase", "roles": [_seeded().pk]}

        assert client.post(USERS, wish).json()["roles"] == [_seeded().pk]

    def test_are_not_given_by_anybody_else(self) -> None:
        make_administrator()
        eve = make_user("eve", "access.change_user", "access.view_user", "access.add_user")
        client = api_client(eve)
        new = {"username": "bob", "password": "another long pass phrase", "roles": [_seeded().pk]}

        assert client.patch(f"{USERS}{eve.pk}/", {"roles": [_seeded().pk]}).status_code == 403
        assert client.post(USERS, new).status_code == 403
        assert not eve.has_perm("alerts.view_alert")
        assert not User.objects.filter(username="bob").exists()

    def test_do_not_include_administrator(self, client: APIClient) -> None:
        answer = client.patch(
            f"{USERS}{make_user('bob').pk}/", {"roles": [_seeded("administrator").pk]}
        )

        assert answer.status_code == 400

    def test_stay_when_nothing_is_said_of_them(self, client: APIClient) -> None:
        bob = make_user("bob")
        bob.groups.add(_seeded())

        client.patch(f"{USERS}{bob.pk}/", {"first_name": "Bob"})

        assert bob.groups.count() == 1


class TestEffectiveAccess:
    def test_is_shown_to_everybody_of_themselves(self) -> None:
        bob = make_user("bob")
        bob.groups.add(_seeded())

        answer = api_client(bob).get(f"{USERS}{bob.pk}/effective-access/").json()

        assert answer["roles"] == ["Threat Response User"]
        held = {one["key"]: one for one in answer["permissions"]}
        assert held["detect_intel_write"]["roles"] == ["Threat Response User"]

    def test_of_others_is_for_administrators(self, client: APIClient) -> None:
        bob = make_user("bob")
        address = f"{USERS}{bob.pk}/effective-access/"

        assert client.get(address).status_code == 200
        assert api_client(make_user("eve", "access.view_user")).get(address).status_code == 404


class TestPermissions:
    def test_are_listed_with_their_meaning(self) -> None:
        rows = api_client(make_user("bob")).get("/api/v1/permissions/").json()

        row = next(row for row in rows if row["key"] == "detect_alert_write")
        assert row["section"] == "Detect"
        assert row["provides"] == ["detect_alert_read"]
        assert row["implies"] == ["alerts.change_alert"]


class TestContentSets:
    def test_are_listed_to_whoever_may_use_them(self) -> None:
        bob = make_user("bob")
        bob.groups.add(_seeded("threat_response_content_index_user"))
        client = api_client(bob)

        assert [row["name"] for row in client.get(SETS).json()["results"]] == ["Index"]
        hidden = ContentSet.objects.get(name="Detect")
        assert client.get(f"{SETS}{hidden.pk}/").status_code == 404

    def test_are_made_changed_and_deleted_by_administrators(self, client: APIClient) -> None:
        made = client.post(SETS, {"name": "Warsaw"}).json()
        address = f"{SETS}{made['id']}/"

        assert client.patch(address, {"description": "x"}).json()["description"] == "x"
        assert client.delete(address).status_code == 204
        base = ContentSet.objects.get(name="Base")
        assert client.delete(f"{SETS}{base.pk}/").status_code == 409
