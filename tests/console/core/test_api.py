"""What all resources of the API share, tried on those of this console."""

from __future__ import annotations

import re
from typing import Any

import pytest
import redis
from django.core.cache import cache
from django.core.exceptions import SuspiciousOperation
from django.test import Client
from django.urls import URLResolver, get_resolver
from rest_framework.test import APIClient
from rest_framework.views import APIView

from console.certificates.models import EnrolmentToken
from console.endpoints.api.views import EnrolmentTokenViewSet
from tests.console.api_client import PASSWORD, api_client, make_administrator, make_user
from tests.console.computers import prepare_console

pytestmark = pytest.mark.django_db

TOKENS = "/api/v1/enrolment-tokens/"
SECRET = "the password is swordfish"


def _fail(*_: Any, **__: Any) -> None:
    raise LookupError(SECRET)


@pytest.fixture(autouse=True)
def console(valkey: redis.Redis) -> None:
    valkey.flushdb()
    prepare_console()


class TestProblems:
    def test_tell_that_a_login_is_needed(self) -> None:
        answer = APIClient().get("/api/v1/endpoints/")

        assert answer.status_code == 401
        assert answer["Content-Type"] == "application/problem+json"
        assert answer["WWW-Authenticate"].startswith("Token")
        assert answer.json()["type"] == "urn:vedette:problem:unauthorized"

    def test_tell_that_the_console_failed_and_the_log_says_why(
        self, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        monkeypatch.setattr(EnrolmentTokenViewSet, "list", _fail)
        client = api_client(make_administrator())
        client.raise_request_exception = False

        answer = client.get(TOKENS)

        assert answer.status_code == 500
        assert answer["Content-Type"] == "application/problem+json"
        assert answer.json()["type"] == "urn:vedette:problem:internal-server-error"
        assert SECRET not in answer.content.decode()
        assert SECRET in caplog.text
        assert "Traceback" in caplog.text

    def test_raise_an_unexpected_error_again_in_tests(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(EnrolmentTokenViewSet, "list", _fail)
        client = api_client(make_administrator())

        with pytest.raises(LookupError, match=SECRET):
            client.get(TOKENS)

    def test_tell_that_a_request_makes_no_sense(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def refuse(*_: Any, **__: Any) -> None:
            raise SuspiciousOperation(SECRET)

        monkeypatch.setattr(EnrolmentTokenViewSet, "list", refuse)

        answer = api_client(make_administrator()).get(TOKENS)

        assert answer.status_code == 400
        assert answer["Content-Type"] == "application/problem+json"
        assert SECRET not in answer.content.decode()

    def test_give_the_idempotency_key_back_when_the_console_failed(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        client = api_client(make_administrator())
        client.raise_request_exception = False
        key = {"Idempotency-Key": "k"}
        with monkeypatch.context() as broken:
            broken.setattr(EnrolmentTokenViewSet, "create", _fail)
            assert client.post(TOKENS, {"name": "office"}, headers=key).status_code == 500

        assert client.post(TOKENS, {"name": "office"}, headers=key).status_code == 201

    def test_tell_that_a_method_does_not_exist(self) -> None:
        answer = api_client(make_administrator()).delete(TOKENS)

        assert answer.status_code == 405
        assert answer.json()["title"] == "Method not allowed"

    def test_tell_that_a_body_is_not_json(self) -> None:
        client = api_client(make_administrator())

        broken = client.post(TOKENS, b"{", content_type="application/json")
        form = client.post(TOKENS, "a=1", content_type="application/x-www-form-urlencoded")

        assert (broken.status_code, form.status_code) == (400, 415)
        assert broken["Content-Type"] == form["Content-Type"] == "application/problem+json"

    @pytest.mark.parametrize("cursor", ["garbage", "cD0=", "%00", "cD1hJnI9MQ=="])
    def test_or_pages_answer_cursors_that_were_made_up(self, cursor: str) -> None:
        answer = api_client(make_administrator()).get(f"/api/v1/audit-events/?cursor={cursor}")

        assert answer.status_code in {200, 404}

    @pytest.mark.parametrize("path", ["", "nothing/", "endpoints", "../keys/authority.key"])
    def test_tell_that_there_is_nothing(self, path: str) -> None:
        for method in ("GET", "POST", "DELETE"):
            answer = APIClient(enforce_csrf_checks=True).generic(method, f"/api/v1/{path}")

            assert answer.status_code == 404, method
            assert answer["Content-Type"] == "application/problem+json"


class TestIdempotencyKeys:
    def _post(self, client: APIClient, key: str, name: str = "office") -> Any:
        return client.post(TOKENS, {"name": name}, headers={"Idempotency-Key": key})

    def test_make_a_repeated_post_answer_the_same_and_do_nothing(self) -> None:
        client = api_client(make_administrator())

        first, again = self._post(client, "key-1"), self._post(client, "key-1")

        assert (first.status_code, again.status_code) == (201, 201)
        assert again.json() == first.json()
        assert again["Idempotent-Replayed"] == "true"
        assert EnrolmentToken.objects.count() == 1

    def test_without_one_every_post_counts(self) -> None:
        client = api_client(make_administrator())

        client.post(TOKENS, {"name": "office"})
        client.post(TOKENS, {"name": "office"})

        assert EnrolmentToken.objects.count() == 2

    def test_that_were_used_for_another_request_are_refused(self) -> None:
        client = api_client(make_administrator())
        self._post(client, "key-1")

        answer = self._post(client, "key-1", name="another")

        assert answer.status_code == 422
        assert answer.json()["title"] == "Idempotency key reused"

    def test_belong_to_one_user(self) -> None:
        self._post(api_client(make_administrator("root")), "key-1")
        self._post(api_client(make_administrator("toor")), "key-1")

        assert EnrolmentToken.objects.count() == 2

    def test_can_be_used_again_after_a_refusal(self) -> None:
        client = api_client(make_administrator())

        assert self._post(client, "key-1", name="").status_code == 400
        assert self._post(client, "key-1", name="office").status_code == 201

    @pytest.mark.parametrize("key", ["", "k" * 256])
    def test_of_a_wrong_length_are_refused(self, key: str) -> None:
        assert self._post(api_client(make_administrator()), key).status_code == 400

    def test_do_not_leave_secrets_readable_in_the_cache(self, valkey: redis.Redis) -> None:
        token = self._post(api_client(make_administrator()), "key-1").json()["token"]

        names = list(valkey.scan_iter("*idempotency*"))
        assert names
        assert not any(token.encode() in (valkey.get(name) or b"") for name in names)

    def test_of_a_request_under_way_ask_for_patience(self, valkey: redis.Redis) -> None:
        client = api_client(make_administrator())
        self._post(client, "key-1")
        (name,) = valkey.scan_iter("*idempotency*")
        cache.set(name.decode().removeprefix(":1:"), b"under way")

        answer = self._post(client, "key-1")

        assert answer.status_code == 409

    def test_do_not_let_a_stranger_see_a_stored_answer(self) -> None:
        self._post(api_client(make_administrator()), "key-1")

        assert self._post(APIClient(), "key-1").status_code == 401
        assert self._post(api_client(make_user("eve")), "key-1").status_code == 403


class TestSchema:
    def test_describes_every_resource(self) -> None:
        schema = APIClient().get("/api/v1/schema/", headers={"Accept": "application/json"}).json()

        for path in (
            "/api/v1/auth/token/",
            "/api/v1/endpoints/{id}/revoke/",
            "/api/v1/enrolment-tokens/",
            "/api/v1/audit-events/",
            "/api/v1/certificates/",
            "/api/v1/users/",
        ):
            assert path in schema["paths"], path

    def test_is_shown_without_a_foreign_host_or_an_inline_script(self) -> None:
        page = Client().get("/api/v1/docs/").content.decode()
        script = Client().get("/api/v1/docs/?script=").content.decode()

        assert "http" not in page.replace("http-equiv", "").replace("XMLHttp", "")
        assert "<script>" not in page
        assert "/api/v1/schema/" in script


def _api_views(resolver: URLResolver, prefix: str = "") -> list[tuple[str, type[APIView]]]:
    found: list[tuple[str, type[APIView]]] = []
    for entry in resolver.url_patterns:
        path = f"{prefix}{entry.pattern}"
        if isinstance(entry, URLResolver):
            found += _api_views(entry, path)
        elif path.startswith("api/") and hasattr(entry.callback, "cls"):
            found.append((path, entry.callback.cls))
    return found


API_VIEWS = _api_views(get_resolver())
OPEN = {"api/v1/auth/token/", "api/v1/schema/", "api/v1/docs/"}


@pytest.mark.parametrize(("path", "view"), API_VIEWS, ids=[path for path, _ in API_VIEWS])
def test_every_address_asks_for_a_login(path: str, view: type[APIView]) -> None:
    unknown = re.sub(r"<uuid:\w+>", "0f0f0f0f-0f0f-4f0f-8f0f-0f0f0f0f0f0f", path)
    address = "/" + re.sub(r"<\w+:\w+>", "1", unknown)

    answers = {
        method: APIClient().generic(method, address).status_code for method in ("GET", "POST")
    }

    if path in OPEN:
        assert 401 not in answers.values()
    else:
        assert set(answers.values()) <= {401, 405}
        assert 401 in answers.values() or set(answers.values()) == {405}


def test_users_without_permissions_may_do_nothing() -> None:
    client = api_client(make_user("nobody"))

    for path in ("endpoints", "enrolment-tokens", "audit-events", "certificates", "users"):
        assert client.get(f"/api/v1/{path}/").status_code == 403, path


def test_login_sessions_need_the_csrf_token() -> None:
    make_administrator()
    client = APIClient(enforce_csrf_checks=True)
    client.login(username="root", password=PASSWORD)

    assert client.get("/api/v1/endpoints/").status_code == 200
    assert client.post(TOKENS, {"name": "x"}).status_code == 403
    assert not EnrolmentToken.objects.exists()
