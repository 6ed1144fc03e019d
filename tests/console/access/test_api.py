from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import redis
from django.test import Client
from django.utils import timezone
from knox.models import AuthToken
from rest_framework.test import APIClient

from console.access.login_attempts import PER_ADDRESS, PER_NAME
from console.access.models import User
from console.audit.models import AuditEvent
from tests.console.api_client import PASSWORD, api_client, make_administrator, make_user

pytestmark = pytest.mark.django_db

TOKEN = "/api/v1/auth/token/"
USERS = "/api/v1/users/"


@pytest.fixture(autouse=True)
def fresh_counters(valkey: redis.Redis) -> None:
    valkey.flushdb()


def _ask(password: str = PASSWORD, username: str = "ada", address: str = "192.0.2.5") -> Any:
    return APIClient().post(
        TOKEN, {"username": username, "password": password}, REMOTE_ADDR=address
    )


class TestTokens:
    def test_are_given_for_a_password_and_expire(self) -> None:
        make_user("ada", "access.view_user")

        answer = _ask()

        assert answer.status_code == 200
        assert answer["Cache-Control"] == "no-store"
        given = answer.json()
        assert set(given) == {"token", "expires_at"}
        client = APIClient()
        client.credentials(HTTP_AUTHORIZATION=f"Token {given['token']}")
        assert client.get(USERS).status_code == 200

        AuthToken.objects.update(expiry=timezone.now() - timedelta(seconds=1))
        assert client.get(USERS).status_code == 401

    def test_are_stored_as_digests(self) -> None:
        make_user("ada")

        token = _ask().json()["token"]

        assert token not in str(list(AuthToken.objects.values()))

    def test_stand_in_the_audit_log_with_the_source_address(self) -> None:
        make_user("ada")
        _ask(address="192.0.2.5")

        event = AuditEvent.objects.get(action="api_token.create")
        assert (event.actor_name, event.source_address) == ("ada", "192.0.2.5")

    @pytest.mark.parametrize("username", ["ada", "nobody", "ada\x00", "<script>"])
    def test_are_refused_alike_for_a_wrong_password_and_a_wrong_name(self, username: str) -> None:
        make_user("ada")

        answer = _ask("wrong", username=username)

        assert answer.status_code in {400, 401}
        if answer.status_code == 401:
            assert answer.json()["detail"] == "The user name or the password is wrong."
            event = AuditEvent.objects.get(action="login", outcome="REFUSED")
            assert (event.subject_name, event.source_address) == (username, "192.0.2.5")
            assert "wrong" not in str(event.detail)

    def test_are_refused_to_who_is_no_longer_active(self) -> None:
        user = make_user("ada")
        client = api_client(user)
        User.objects.update(is_active=False)

        assert _ask().status_code == 401
        assert client.get(USERS).status_code == 401

    @pytest.mark.parametrize(
        "fields", [{}, {"username": "ada"}, {"username": ["a"], "password": 1}]
    )
    def test_need_both_fields(self, fields: dict[str, object]) -> None:
        answer = APIClient().post(TOKEN, fields)

        assert answer.status_code == 400
        assert answer.json()["errors"]

    def test_end_with_a_logout(self) -> None:
        user = make_user("ada")
        client, other = api_client(user), api_client(user)

        assert client.post("/api/v1/auth/logout/").status_code == 204

        assert client.get(USERS).status_code == 401
        assert other.get(USERS).status_code == 403

    def test_all_end_with_a_logout_everywhere(self) -> None:
        user = make_user("ada")
        client, other = api_client(user), api_client(user)

        assert client.post("/api/v1/auth/logout-all/").status_code == 204

        assert other.get(USERS).status_code == 401


class TestGuessing:
    def test_is_stopped_for_that_name_from_that_address(self) -> None:
        make_user("ada")
        for _ in range(PER_NAME.allowed):
            assert _ask("wrong").status_code == 401

        answer = _ask(PASSWORD)

        assert answer.status_code == 429
        assert int(answer["Retry-After"]) >= 1
        assert not AuthToken.objects.exists()

    def test_does_not_lock_the_user_out_elsewhere(self) -> None:
        make_user("ada")
        for _ in range(PER_NAME.allowed):
            _ask("wrong")

        assert _ask(PASSWORD, address="192.0.2.6").status_code == 200

    def test_of_many_names_is_stopped_for_the_address(self) -> None:
        make_user("ada")
        for number in range(PER_ADDRESS.allowed):
            _ask("wrong", username=f"user-{number}")

        assert _ask(PASSWORD).status_code == 429

    def test_within_one_ipv6_network_counts_together(self) -> None:
        make_user("ada")
        for number in range(PER_NAME.allowed):
            _ask("wrong", address=f"2001:db8::{number + 1:x}")

        assert _ask(PASSWORD, address="2001:db8::ffff").status_code == 429

    def test_is_stopped_on_the_login_page_too(self) -> None:
        make_administrator("ada")
        browser = Client()
        for _ in range(PER_NAME.allowed):
            browser.post("/login/", {"username": "ada", "password": "wrong"})

        answer = browser.post("/login/", {"username": "ada", "password": PASSWORD})

        assert answer.status_code == 200, "the form again, and no redirect"
        assert "sessionid" not in browser.cookies

    def test_does_not_flood_the_audit_log(self) -> None:
        make_administrator("ada")
        browser = Client()
        for _ in range(PER_NAME.allowed + 5):
            browser.post("/login/", {"username": "ada", "password": "wrong"})

        assert AuditEvent.objects.filter(outcome="REFUSED").count() == PER_NAME.allowed

    def test_cannot_hide_behind_a_claimed_address(self) -> None:
        make_user("ada")
        for number in range(PER_NAME.allowed):
            APIClient().post(
                TOKEN,
                {"username": "ada", "password": "wrong"},
                headers={"X-Forwarded-For": f"203.0.113.{number}"},
                REMOTE_ADDR="192.0.2.5",
            )

        assert _ask(PASSWORD).status_code == 429


class TestLoginSessions:
    def test_get_another_key_when_somebody_logs_in(self) -> None:
        make_administrator("ada")
        browser = Client()
        browser.get("/login/")
        session = browser.session
        session["planted"] = "by somebody else"
        session.save()
        planted = session.session_key or ""
        browser.cookies["sessionid"] = planted

        browser.post("/login/", {"username": "ada", "password": PASSWORD})

        assert browser.cookies["sessionid"].value != planted
        thief = Client()
        thief.cookies["sessionid"] = planted
        assert thief.get("/").status_code == 302

    def test_cookies_are_not_for_scripts_and_travel_encrypted_only(self) -> None:
        make_administrator("ada")
        browser = Client()
        browser.post("/login/", {"username": "ada", "password": PASSWORD})

        cookie = browser.cookies["sessionid"]
        assert cookie["httponly"]
        assert cookie["secure"]
        assert cookie["samesite"] == "Lax"

    def test_stand_in_the_audit_log(self) -> None:
        make_administrator("ada")
        browser = Client(REMOTE_ADDR="192.0.2.9")
        browser.post("/login/", {"username": "ada", "password": PASSWORD})
        browser.post("/logout/")

        events = AuditEvent.objects.order_by("sequence").values_list("action", "source_address")
        assert list(events) == [("login", "192.0.2.9"), ("logout", "192.0.2.9")]


class TestUsers:
    def test_are_made_listed_and_changed(self) -> None:
        client = api_client(make_administrator())

        created = client.post(USERS, {"username": "ada", "password": PASSWORD, "is_staff": True})
        assert created.status_code == 201
        assert "password" not in created.json()
        changed = client.patch(f"{USERS}{created.json()['id']}/", {"email": "ada@example.org"})
        assert changed.json()["email"] == "ada@example.org"
        found = client.get(f"{USERS}?search=AD").json()["results"]
        assert [user["username"] for user in found] == ["ada"]

    def test_cannot_be_renamed(self) -> None:
        client, user = api_client(make_administrator()), make_user("ada")

        client.patch(f"{USERS}{user.pk}/", {"username": "eve"})

        user.refresh_from_db()
        assert user.username == "ada"

    def test_cannot_give_themselves_powers(self) -> None:
        clerk = make_user("clerk", "access.change_user", "access.view_user", "access.add_user")
        client = api_client(clerk)

        promoted = client.patch(f"{USERS}{clerk.pk}/", {"is_superuser": True})
        made = client.post(USERS, {"username": "x", "password": PASSWORD, "is_superuser": True})

        assert (promoted.status_code, made.status_code) == (403, 403)

    def test_cannot_take_an_administrator_over_by_its_password(self) -> None:
        administrator = make_administrator()
        client = api_client(make_user("clerk", "access.change_user"))

        answer = client.post(f"{USERS}{administrator.pk}/password/", {"password": PASSWORD * 2})

        assert answer.status_code == 403

    def test_get_another_password(self) -> None:
        client, user = api_client(make_administrator()), make_user("ada")

        answer = client.post(f"{USERS}{user.pk}/password/", {"password": "another passphrase"})

        assert answer.status_code == 204
        user.refresh_from_db()
        assert user.check_password("another passphrase")


class TestWhoMayChangeUsers:
    """Holders of `access.change_user`, who are no administrators."""

    STRONG = "intel.deploy_inteldocument"
    CHANGES = "access.change_user"

    def _try(self, path: str, body: dict[str, object], *own: str, active: bool = True) -> Any:
        make_administrator()
        target = make_user("bob", self.STRONG, is_active=active)
        client = api_client(make_user("eve", self.CHANGES, *own))
        if path:
            return client.post(f"{USERS}{target.pk}/{path}/", body)
        return client.patch(f"{USERS}{target.pk}/", body)

    @pytest.mark.parametrize("active", [True, False])
    def test_cannot_become_somebody_who_may_do_more(self, active: bool) -> None:
        answer = self._try("password", {"password": "another long pass phrase"}, active=active)

        assert answer.status_code == 403
        assert User.objects.get(username="bob").check_password(PASSWORD)

    def test_cannot_shut_out_somebody_who_may_do_more(self) -> None:
        assert self._try("", {"is_active": False}).status_code == 403
        assert User.objects.get(username="bob").is_active

    def test_help_somebody_who_may_do_no_more_than_they(self) -> None:
        body: dict[str, object] = {"password": "another long pass phrase"}

        assert self._try("password", body, self.STRONG).status_code == 204
