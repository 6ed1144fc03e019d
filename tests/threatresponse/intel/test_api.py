"""The REST resource of intel documents."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest

from console.audit.models import AuditEvent
from tests.directconnect.people import ADDRESS, api_of, user_with
from threatresponse.intel.models import IntelDocument

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("valkey")]

URL = "/api/v1/intel/"
SIGNAL: dict[str, Any] = {
    "name": "Download and run",
    "type": "signal",
    "platforms": ["linux"],
    "definition": "process.command_line contains 'curl'",
    "techniques": ["T1105"],
}
EVERYTHING = tuple(f"intel.{verb}_inteldocument" for verb in ("view", "add", "change", "delete"))


class TestPermissions:
    @pytest.mark.parametrize(
        ("method", "path"),
        [
            ("get", URL),
            ("post", URL),
            ("post", f"{URL}validate/"),
            ("patch", f"{URL}00000000-0000-0000-0000-000000000000/"),
            ("delete", f"{URL}00000000-0000-0000-0000-000000000000/"),
        ],
    )
    def test_nobody_is_let_in_without_a_login_or_without_permission(
        self, method: str, path: str
    ) -> None:
        anonymous = getattr(api_of(None), method)(path, SIGNAL)
        stranger = getattr(api_of(user_with("alerts.view_alert")), method)(path, SIGNAL)

        assert (anonymous.status_code, stranger.status_code) == (401, 403)

    def test_reading_is_not_writing(self) -> None:
        reader = api_of(user_with("intel.view_inteldocument"))

        assert reader.get(URL).status_code == 200
        assert reader.post(URL, SIGNAL).status_code == 403

    def test_what_is_not_there_is_not_found(self) -> None:
        response = api_of(user_with(*EVERYTHING)).get(f"{URL}{uuid.uuid4()}/")

        assert response.status_code == 404


class TestCreate:
    def test_answers_with_the_document_and_its_etag(self) -> None:
        response = api_of(user_with(*EVERYTHING)).post(URL, SIGNAL)

        assert response.status_code == 201
        assert response.json()["definition"] == SIGNAL["definition"]
        assert response.headers["ETag"]

    def test_writes_who_and_whence_into_the_audit_log(self) -> None:
        user = user_with(*EVERYTHING)

        api_of(user).post(URL, SIGNAL)

        event = AuditEvent.objects.get(action="intel.create")
        assert (event.actor_id, event.source_address) == (user.pk, ADDRESS)

    def test_tells_the_line_the_column_and_what_was_expected(self) -> None:
        response = api_of(user_with(*EVERYTHING)).post(
            URL, SIGNAL | {"definition": "process.path\ncontain 'x'"}
        )

        problem = response.json()
        assert response.status_code == 400
        assert response.headers["Content-Type"] == "application/problem+json"
        assert (problem["line"], problem["column"]) == (2, 1)
        assert problem["expected"]
        assert problem["errors"]["definition"][0].startswith("line 2, column 1: ")

    @pytest.mark.parametrize(
        "definition",
        ["(" * 100_000, " OR ".join(f"process.pid is {n}" for n in range(25)), "nothing.here is 1"],
        ids=["100,000 parentheses", "25 terms", "unknown property"],
    )
    def test_refuses_bad_definitions_by_field(self, definition: str) -> None:
        response = api_of(user_with(*EVERYTHING)).post(URL, SIGNAL | {"definition": definition})

        assert response.status_code == 400
        assert "definition" in response.json()["errors"]

    @pytest.mark.parametrize(
        "body",
        [
            json.dumps(SIGNAL).replace("curl", "\\ud800").encode(),
            json.dumps(SIGNAL).encode().replace(b"curl", b"\xff\xfe"),
            json.dumps(SIGNAL).encode().replace(b"curl", b"\\u0000"),
            b"not json",
            b'{"name": {"a": [1]}}',
        ],
        ids=["surrogate", "invalid UTF-8", "NUL", "no JSON", "wrong types"],
    )
    def test_refuses_bodies_that_are_not_what_they_should_be(self, body: bytes) -> None:
        response = api_of(user_with(*EVERYTHING)).post(
            URL, data=body, content_type="application/json"
        )

        assert response.status_code == 400
        assert not IntelDocument.objects.exists()

    def test_gives_markup_back_unchanged(self) -> None:
        api = api_of(user_with(*EVERYTHING))
        hostile = SIGNAL | {"name": "<script>alert(1)</script>"}

        identifier = api.post(URL, hostile).json()["id"]

        response = api.get(f"{URL}{identifier}/")
        assert response.headers["Content-Type"] == "application/json"
        assert response.json()["name"] == hostile["name"]


class TestChange:
    def test_changes_only_what_was_sent(self) -> None:
        api = api_of(user_with(*EVERYTHING))
        document = api.post(URL, SIGNAL).json()

        changed = api.patch(f"{URL}{document['id']}/", {"description": "Why"}).json()

        assert changed["description"] == "Why"
        assert changed["definition"] == SIGNAL["definition"]
        assert changed["revision"] == 1

    def test_refuses_a_change_of_what_changed_meanwhile(self) -> None:
        api = api_of(user_with(*EVERYTHING))
        created = api.post(URL, SIGNAL)
        path = f"{URL}{created.json()['id']}/"
        tag = created.headers["ETag"]

        first = api.patch(path, {"description": "first"}, headers={"If-Match": tag})
        second = api.patch(path, {"description": "second"}, headers={"If-Match": tag})
        third = api.patch(
            path, {"description": "third"}, headers={"If-Match": first.headers["ETag"]}
        )

        assert [answer.status_code for answer in (first, second, third)] == [200, 412, 200]

    def test_refuses_an_etag_that_is_none(self) -> None:
        api = api_of(user_with(*EVERYTHING))
        path = f"{URL}{api.post(URL, SIGNAL).json()['id']}/"

        response = api.patch(path, {"description": "x"}, headers={"If-Match": '"9' + "9" * 40})

        assert response.status_code == 412

    def test_deletes(self) -> None:
        api = api_of(user_with(*EVERYTHING))
        path = f"{URL}{api.post(URL, SIGNAL).json()['id']}/"

        assert api.delete(path).status_code == 204
        assert api.get(path).status_code == 404


class TestValidate:
    def test_tells_an_editor_whether_a_text_is_a_signal(self) -> None:
        api = api_of(user_with("intel.view_inteldocument"))

        good = api.post(f"{URL}validate/", {"definition": "process.path contains 'x'"}).json()
        bad = api.post(f"{URL}validate/", {"definition": "process.path contains"}).json()

        assert good == {
            "valid": True,
            "terms": 1,
            "term_limit": 24,
            "kinds": ["process"],
            "warnings": [],
        }
        assert (bad["valid"], bad["line"]) == (False, 1)
        assert bad["expected"]

    def test_takes_the_operating_systems_into_account(self) -> None:
        api = api_of(user_with("intel.view_inteldocument"))
        draft = {"definition": "registry.key_path contains 'Run'", "platforms": ["linux"]}

        assert api.post(f"{URL}validate/", draft).json()["valid"] is False

    def test_warns_where_a_signal_can_never_match(self) -> None:
        api = api_of(user_with("intel.view_inteldocument"))
        draft = {"definition": "network.domain ends with '.invalid'", "platforms": ["linux"]}

        verdict = api.post(f"{URL}validate/", draft).json()

        assert verdict["valid"] is True
        assert verdict["warnings"] == [
            "It can never match on Linux: network.domain is not recorded there."
        ]


class TestList:
    def test_filters_by_name_and_deployment(self) -> None:
        api = api_of(user_with(*EVERYTHING))
        api.post(URL, SIGNAL)
        api.post(URL, SIGNAL | {"name": "Something else"})

        named = api.get(URL, {"name": "else"}).json()["results"]
        deployed = api.get(URL, {"is_deployed": "true"}).json()["results"]

        assert [row["name"] for row in named] == ["Something else"]
        assert deployed == []
