from __future__ import annotations

from datetime import timedelta

import pytest
import redis
from django.utils import timezone

from console.audit.models import AuditEvent
from console.certificates.models import EnrolmentToken
from console.certificates.services import check_enrolment_token
from console.endpoints.models import Endpoint
from console.endpoints.presence import queue_heard
from tests.console.api_client import api_client, make_administrator, make_user
from tests.console.computers import enrolled_endpoint, enrolment_token, prepare_console

pytestmark = pytest.mark.django_db

ENDPOINTS = "/api/v1/endpoints/"
TOKENS = "/api/v1/enrolment-tokens/"


@pytest.fixture(autouse=True)
def console(valkey: redis.Redis) -> None:
    valkey.flushdb()
    prepare_console()


def _heard(valkey: redis.Redis, endpoint: Endpoint) -> None:
    with valkey.pipeline() as pipeline:
        queue_heard(pipeline, {endpoint.pk: timezone.now().timestamp()}, gateway="gateway-1")
        pipeline.execute()


class TestEndpoints:
    def test_are_listed_with_their_presence(self, valkey: redis.Redis) -> None:
        online, _ = enrolled_endpoint("a"), enrolled_endpoint("b")
        _heard(valkey, online)

        answer = api_client(make_user("ada", "endpoints.view_endpoint")).get(ENDPOINTS)

        assert answer.status_code == 200
        shown = [(row["host_name"], row["online"]) for row in answer.json()["results"]]
        assert shown == [("a", True), ("b", False)]

    def test_are_paged_by_cursor(self) -> None:
        for number in range(5):
            enrolled_endpoint(f"web-{number}")
        client = api_client(make_administrator())

        names, address = [], f"{ENDPOINTS}?page_size=2"
        while address:
            page = client.get(address).json()
            names += [row["host_name"] for row in page["results"]]
            address = page["next"]

        assert names == [f"web-{number}" for number in range(5)]
        assert "count" not in page

    def test_can_be_narrowed(self, valkey: redis.Redis) -> None:
        online = enrolled_endpoint("web-1")
        enrolled_endpoint("db-1")
        _heard(valkey, online)
        client = api_client(make_administrator())

        def names(query: str) -> list[str]:
            rows = client.get(f"{ENDPOINTS}?{query}").json()["results"]
            return [row["host_name"] for row in rows]

        assert names("host_name=WEB-1") == ["web-1"]
        assert names("search=db") == ["db-1"]
        assert names("online=true") == ["web-1"]
        assert names("online=false") == ["db-1"]
        assert names("revoked=true") == []
        assert names("revoked=false") == ["db-1", "web-1"]
        assert names("os=windows") == []
        assert names("seen_within=60") == []

    def test_narrowed_by_nonsense_are_refused_field_by_field(self) -> None:
        answer = api_client(make_administrator()).get(f"{ENDPOINTS}?os=beos&seen_within=-1")

        assert answer.status_code == 400
        assert answer["Content-Type"] == "application/problem+json"
        assert set(answer.json()["errors"]) == {"os", "seen_within"}

    def test_show_their_status_in_the_detail(self) -> None:
        endpoint = enrolled_endpoint()
        Endpoint.objects.update(status={"signals": 3})

        shown = api_client(make_administrator()).get(f"{ENDPOINTS}{endpoint.pk}/").json()

        assert shown["status"] == {"signals": 3}
        assert shown["certificate_fingerprint"] == endpoint.certificate.fingerprint

    @pytest.mark.parametrize(
        "name",
        [
            "00000000-0000-4000-8000-000000000000",
            "../../etc/passwd",
            "..%2f..%2fetc%2fpasswd",
            "1",
            "%00",
        ],
    )
    def test_that_do_not_exist_are_not_found(self, name: str) -> None:
        assert api_client(make_administrator()).get(f"{ENDPOINTS}{name}/").status_code == 404

    def test_are_cut_off_by_who_may(self) -> None:
        endpoint = enrolled_endpoint()
        client = api_client(
            make_user("ada", "endpoints.view_endpoint", "endpoints.revoke_endpoint")
        )

        answer = client.post(f"{ENDPOINTS}{endpoint.pk}/revoke/", {"reason": "stolen"})

        assert answer.status_code == 200
        assert answer.json()["revoked_at"]
        event = AuditEvent.objects.get(action="endpoint.revoke")
        assert (event.actor_name, event.source_address) == ("ada", "127.0.0.1")
        again = client.post(f"{ENDPOINTS}{endpoint.pk}/revoke/")
        assert again.status_code == 409
        assert again.json()["title"] == "Endpoint revoked"

    def test_are_not_cut_off_by_who_may_only_look(self) -> None:
        endpoint = enrolled_endpoint()
        client = api_client(make_user("ada", "endpoints.view_endpoint"))

        answer = client.post(f"{ENDPOINTS}{endpoint.pk}/revoke/")

        assert answer.status_code == 403
        assert not Endpoint.objects.exclude(revoked_at=None).exists()

    def test_of_others_cannot_even_be_found_by_revoking(self) -> None:
        endpoint = enrolled_endpoint()
        client = api_client(make_user("ada", "endpoints.revoke_endpoint"))

        assert client.post(f"{ENDPOINTS}{endpoint.pk}/revoke/").status_code == 404


class TestEnrolmentTokens:
    def test_are_shown_once_with_the_line_that_installs(self) -> None:
        client = api_client(make_administrator())

        answer = client.post(TOKENS, {"name": "office", "uses_allowed": 3})

        assert answer.status_code == 201
        created = answer.json()
        assert created["token"] in created["install_command"]
        assert "--pinnedpubkey" in created["install_command"]
        row = check_enrolment_token(created["token"], now=timezone.now())
        assert (row.name, row.uses_left) == ("office", 3)
        assert timedelta(hours=23) < row.expires_at - timezone.now() <= timedelta(days=1)
        assert created["token"] not in client.get(TOKENS).content.decode()

    def test_with_wrong_fields_are_refused(self) -> None:
        answer = api_client(make_administrator()).post(
            TOKENS, {"uses_allowed": 0, "expires_at": "2000-01-01T00:00:00Z"}
        )

        assert answer.status_code == 400
        assert {"name", "uses_allowed"} <= set(answer.json()["errors"])

    def test_that_expire_in_the_past_are_refused(self) -> None:
        answer = api_client(make_administrator()).post(
            TOKENS, {"name": "old", "expires_at": "2000-01-01T00:00:00Z"}
        )

        assert answer.status_code == 400
        assert list(answer.json()["errors"]) == ["expires_at"]

    def test_can_be_revoked_once(self) -> None:
        enrolment_token()
        token = EnrolmentToken.objects.get()
        client = api_client(make_administrator())

        assert client.post(f"{TOKENS}{token.pk}/revoke/").json()["revoked_at"]
        assert client.post(f"{TOKENS}{token.pk}/revoke/").status_code == 409

    def test_need_their_own_permissions(self) -> None:
        client = api_client(make_user("ada", "certificates.view_enrolmenttoken"))
        enrolment_token()
        token = EnrolmentToken.objects.get()

        assert client.get(TOKENS).status_code == 200
        assert client.post(TOKENS, {"name": "x"}).status_code == 403
        assert client.post(f"{TOKENS}{token.pk}/revoke/").status_code == 403
        assert client.post(f"{TOKENS}{token.pk}/installer/", {"token": "x"}).status_code == 403

    def test_come_as_an_installer_to_who_still_has_their_text(self) -> None:
        plain, other = enrolment_token(), enrolment_token()
        row = check_enrolment_token(plain, now=timezone.now())
        client = api_client(make_administrator())

        # Twice: with a key that makes a POST safe to repeat, a file is simply made again.
        for _ in range(2):
            answer = client.post(
                f"{TOKENS}{row.pk}/installer/",
                {"token": plain},
                headers={"Idempotency-Key": "key-1"},
            )
            assert answer.status_code == 200
        assert AuditEvent.objects.filter(action="enrolment_token.hand_out_installer").count() == 2
        assert answer["Content-Disposition"].startswith("attachment; ")
        assert plain.encode() in answer.content
        refused = client.post(f"{TOKENS}{row.pk}/installer/", {"token": other})
        assert refused.status_code == 403
