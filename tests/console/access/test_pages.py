"""The pages of users: what changes there is recorded, and ends what it must end."""

from __future__ import annotations

import pytest
import redis
from django.test import Client
from knox.models import AuthToken

from console.access.models import Role, User
from console.audit.models import AuditEvent
from tests.console.api_client import PASSWORD, make_user
from tests.console.pages import browser, messages_of, text_of

pytestmark = pytest.mark.django_db(transaction=True)

NEW = "another long pass phrase"
TWICE = {"password1": NEW, "password2": NEW, "usable_password": "true", "set-password": "1"}
BOB = {"username": "bob", "own_password": PASSWORD}
OWN = {"old_password": PASSWORD, "new_password1": NEW, "new_password2": NEW}


@pytest.fixture(autouse=True)
def empty_redis(valkey: redis.Redis) -> None:
    valkey.flushdb()


class TestAPasswordSetByAnAdministrator:
    def test_is_recorded_and_ends_the_users_tokens(self) -> None:
        user = make_user("bob")
        AuthToken.objects.create(user)

        response = browser(name="root", is_superuser=True).post(
            f"/access/user/{user.pk}/password/", TWICE
        )

        user.refresh_from_db()
        assert response.status_code == 302
        assert user.check_password(NEW)
        assert not AuthToken.objects.exists()
        event = AuditEvent.objects.get(action="user.change")
        assert (event.actor_name, event.subject_name) == ("root", "bob")
        assert event.source_address == "127.0.0.1"
        assert NEW not in str(event.detail)


class TestOnesOwnPassword:
    def test_is_recorded_ends_tokens_and_other_logins_but_not_this_one(self) -> None:
        client = browser(name="ada")
        user = User.objects.get(username="ada")
        AuthToken.objects.create(user)
        elsewhere = Client()
        elsewhere.force_login(user, "django.contrib.auth.backends.ModelBackend")

        response = client.post("/password_change/", OWN, secure=True)

        user.refresh_from_db()
        assert response.status_code == 302
        assert user.check_password(NEW)
        assert not AuthToken.objects.exists()
        assert AuditEvent.objects.get(action="user.set_password").actor_name == "ada"
        assert client.get("/", secure=True).status_code == 200
        assert elsewhere.get("/", secure=True).status_code == 302

    def test_stays_where_the_old_one_is_not_known(self) -> None:
        client = browser(name="ada")

        response = client.post("/password_change/", OWN | {"old_password": "x"}, secure=True)

        assert response.status_code == 200
        assert User.objects.get(username="ada").check_password(PASSWORD)
        assert not AuditEvent.objects.filter(action="user.set_password").exists()


class TestPowers:
    def test_that_were_given_stand_in_the_audit_log(self) -> None:
        user, role = make_user("bob"), Role.objects.get(key="threat_response_user")

        browser(name="root", is_superuser=True).post(
            f"/access/user/{user.pk}/change/", {**BOB, "is_active": "on", "roles": role.pk}
        )

        event = AuditEvent.objects.get(action="user.set_roles")
        assert (event.actor_name, event.subject_name) == ("root", "bob")
        assert event.detail == {"added": ["Threat Response User"], "removed": []}

    def test_are_not_given_without_the_administrators_own_password(self) -> None:
        user, role = make_user("bob"), Role.objects.get(key="threat_response_user")
        wish = {**BOB, "is_active": "on", "roles": role.pk, "own_password": "a guess"}

        page = browser(name="root", is_superuser=True).post(f"/access/user/{user.pk}/change/", wish)

        assert "This is not your password." in text_of(page)
        assert not user.groups.exists()

    def test_of_other_kinds_change_without_it(self) -> None:
        user = make_user("bob")
        wish = {**BOB, "is_active": "on", "email": "bob@example.org", "own_password": ""}

        browser(name="root", is_superuser=True).post(f"/access/user/{user.pk}/change/", wish)

        user.refresh_from_db()
        assert user.email == "bob@example.org"

    def test_end_with_a_user_that_is_made_inactive(self) -> None:
        user = make_user("bob")
        AuthToken.objects.create(user)

        browser(name="root", is_superuser=True).post(f"/access/user/{user.pk}/change/", BOB)

        user.refresh_from_db()
        assert not user.is_active
        assert not AuthToken.objects.exists()
        assert AuditEvent.objects.get(action="user.change").detail["is_active"] is False

    def test_of_the_last_administrator_are_not_lost_with_the_password(self) -> None:
        client = browser(name="root", is_superuser=True)
        root = User.objects.get(username="root")

        answer = client.post(
            f"/access/user/{root.pk}/password/",
            {"usable_password": "false", "unset-password": "1"},
            follow=True,
        )

        root.refresh_from_db()
        assert messages_of(answer) == ["Nobody could administer the console after this."]
        assert root.has_usable_password()
