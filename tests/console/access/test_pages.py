"""The pages of users: what changes there is recorded, and ends what it must end."""

from __future__ import annotations

import pytest
import redis
from django.contrib.auth.models import Group, Permission
from django.test import Client
from knox.models import AuthToken

from console.access.models import User
from console.audit.models import AuditEvent
from tests.console.api_client import PASSWORD, make_user
from tests.console.pages import browser

pytestmark = pytest.mark.django_db(transaction=True)

NEW = "another long pass phrase"
TWICE = {"password1": NEW, "password2": NEW, "usable_password": "true", "set-password": "1"}
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
        group = Group.objects.create(name="analysts")
        permission = Permission.objects.get(codename="open_session")

        browser(name="root", is_superuser=True).post(
            f"/auth/group/{group.pk}/change/", {"name": "analysts", "permissions": permission.pk}
        )

        event = AuditEvent.objects.get(action="group.change")
        assert event.detail["permissions"] == ["directconnect.open_session"]

    def test_end_with_a_user_that_is_made_inactive(self) -> None:
        user = make_user("bob")
        AuthToken.objects.create(user)

        browser(name="root", is_superuser=True).post(
            f"/access/user/{user.pk}/change/",
            {
                "username": "bob",
                "time_zone": "UTC",
                "date_joined_0": "2026-01-01",
                "date_joined_1": "00:00:00",
            },
        )

        user.refresh_from_db()
        assert not user.is_active
        assert not AuthToken.objects.exists()
        assert AuditEvent.objects.get(action="user.change").detail["is_active"] is False
