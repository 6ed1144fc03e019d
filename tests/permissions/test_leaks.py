"""What is out of reach cannot be guessed: by filter, order, search, count, suggestion or news."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from rest_framework.test import APIClient

from console.access.models import User
from console.endpoints.models import ComputerGroup, Endpoint, Label
from tests.console.api_client import api_client, make_user
from tests.console.pages import text_of
from tests.console.roles import give_role
from tests.permissions.scene import FAR, Scene, client_of


@pytest.fixture
def near_user(scene: Scene) -> User:
    """Give somebody every permission there is, on the near group."""
    user = make_user("near", is_staff=True)
    give_role(user, *Permission.objects.all(), groups=[scene.near_group])
    return user


@pytest.fixture
def api(near_user: User) -> APIClient:
    """Return that user's client of the API."""
    return api_client(near_user)


def get(api: APIClient, address: str) -> Any:
    """Return the document at an address below `/api/v1/`."""
    response = api.get(f"/api/v1/{address}", secure=True)
    assert response.status_code == 200, response.content
    return response.json()


@pytest.mark.django_db
class TestLists:
    @pytest.mark.parametrize(
        "query",
        [
            f"endpoints/?search={FAR}",
            f"endpoints/?host_name={FAR}-endpoint",
            f"endpoints/?label={FAR} label",
            f"computer-groups/?search={FAR}",
            f"labels/?search={FAR}",
        ],
    )
    def test_filter_nothing_in_that_is_out_of_reach(self, api: APIClient, query: str) -> None:
        assert get(api, query)["results"] == []

    def test_by_a_thing_out_of_reach_are_as_by_one_that_is_not_there(
        self, api: APIClient, scene: Scene
    ) -> None:
        group = ComputerGroup.objects.get(name=f"{FAR} group").pk
        for query in ("endpoints/?group={}", "alerts/?endpoint={}", "sessions/?endpoint={}"):
            wanted = group if "group" in query else scene.far["endpoint"]
            other = 10_000 if "group" in query else uuid.uuid4()
            assert get(api, query.format(wanted)) == get(api, query.format(other))

    def test_hold_what_is_in_reach(self, api: APIClient, scene: Scene) -> None:
        for address in ("endpoints/", "alerts/", "certificates/", "intel-deployment/endpoints/"):
            assert scene.things["endpoint"] in str(get(api, address)) or address == "certificates/"
        assert [row["id"] for row in get(api, "endpoints/")["results"]] == [
            scene.things["endpoint"]
        ]


@pytest.mark.django_db
class TestCounts:
    def test_are_of_what_is_in_reach(self, api: APIClient, scene: Scene) -> None:
        assert sum(get(api, "alerts/counts/").values()) == 1
        assert sum(get(api, "intel-deployment/")["endpoints"].values()) == 1
        groups = {row["name"]: row["members"] for row in get(api, "computer-groups/")["results"]}
        assert groups == {"All Computers": 1, "No Computers": 0, "Near group": 1}
        labels = {row["name"]: row["endpoints"] for row in get(api, "labels/")["results"]}
        assert labels == {"near label": 1}

    def test_of_a_label_on_both_sides_are_of_this_side(self, api: APIClient, scene: Scene) -> None:
        label = Label.objects.create(name="both")
        label.endpoints.set(Endpoint.objects.all())

        labels = {row["name"]: row["endpoints"] for row in get(api, "labels/")["results"]}

        assert labels["both"] == 1

    def test_at_home_are_of_what_is_in_reach(self, near_user: User) -> None:
        page = text_of(client_of(near_user, api=False).get("/", secure=True))

        assert "0 of 1" in page
        assert "0 of 2" not in page

    def test_of_lists_are_of_what_is_in_reach(self, near_user: User) -> None:
        browser = client_of(near_user, api=False)

        listed = text_of(browser.get("/endpoints/endpoint/", secure=True))
        assert "near-endpoint" in listed
        assert FAR not in listed
        searched = browser.get(f"/endpoints/endpoint/?q={FAR}", secure=True)
        assert "Nothing matches" in text_of(searched)


@pytest.mark.django_db
class TestRules:
    def test_are_tried_on_what_is_in_reach(self, api: APIClient, scene: Scene) -> None:
        sent = {"rule": 'Computer Name ending with "endpoint"'}

        answer = api.post("/api/v1/computer-groups/preview/", sent, format="json", secure=True)

        assert answer.json()["count"] == 1
        assert [row["host_name"] for row in answer.json()["members"]] == ["near-endpoint"]

    def test_refuse_a_hidden_group_as_one_that_is_not_there(self, api: APIClient) -> None:
        def refusal(name: str) -> Any:
            sent = {"rule": f'Computer Group is "{name}"'}
            answer = api.post("/api/v1/computer-groups/preview/", sent, format="json", secure=True)
            assert answer.status_code == 400
            return answer.content.decode().replace(name, "it")

        assert refusal(f"{FAR} group") == refusal("nowhere group")

    def test_find_nothing_out_by_a_part_of_a_group_s_name(self, api: APIClient) -> None:
        sent = {"rule": 'Computer Group containing "secret"'}

        answer = api.post("/api/v1/computer-groups/preview/", sent, format="json", secure=True)

        assert answer.status_code == 400

    def test_suggest_nothing_that_is_hidden(self, api: APIClient) -> None:
        for rule in ("", "Label is ", 'Computer Group is "', "far"):
            sent = {"rule": rule, "position": len(rule)}
            answer = api.post("/api/v1/computer-groups/complete/", sent, format="json", secure=True)
            assert FAR not in answer.content.decode()


@pytest.mark.django_db
class TestBulkOperations:
    def test_leave_alone_what_is_out_of_reach(self, api: APIClient, scene: Scene) -> None:
        label = Label.objects.create(name="both")
        both = [scene.things["endpoint"], scene.far["endpoint"]]
        sent = {"endpoints": both, "put": ["both"]}

        answer = api.post("/api/v1/labels/assign/", sent, format="json", secure=True)
        assert answer.json() == {"changed": 1}
        assert list(label.endpoints.values_list("host_name", flat=True)) == ["near-endpoint"]

        chosen = {"ids": [scene.things["alert"], scene.far["alert"]], "state": "RESOLVED"}
        answer = api.post("/api/v1/alerts/change-state/", chosen, format="json", secure=True)
        assert answer.json() == {"changed": 1}


@pytest.mark.django_db
class TestDirectPermissions:
    def test_reach_nothing(self, scene: Scene) -> None:
        user = make_user("direct", is_staff=True)
        user.user_permissions.set(Permission.objects.all())
        api = api_client(user)

        for address in ("endpoints/", "alerts/", "labels/", "computer-groups/", "sessions/"):
            assert get(api, address)["results"] == []
