from __future__ import annotations

import pytest
import redis
from django.test import Client
from django.urls import reverse

from console.access.models import User
from tests.console.api_client import PASSWORD
from tests.console.pages import browser, text_of

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def empty_redis(valkey: redis.Redis) -> None:
    valkey.flushdb()


class TestAddingUsers:
    def test_makes_one_that_can_log_in(self) -> None:
        sent = {"username": "night", "usable_password": "true"}
        sent |= {"password1": PASSWORD, "password2": PASSWORD}
        browser(name="root", is_superuser=True).post("/access/user/add/", sent)
        answer = Client().post("/login/", {"username": "night", "password": PASSWORD})
        assert answer.status_code == 302


class TestLoginPage:
    def test_does_not_tell_which_accounts_exist(self) -> None:
        answer = Client().post("/login/", {"username": "nobody", "password": "x"})
        assert "user name or the password is wrong" in text_of(answer)


class TestPowers:
    def test_of_the_last_administrator_stay(self, client: Client) -> None:
        user = User.objects.create_superuser("root", password="a long password")
        client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
        address = reverse("admin:access_user_change", args=[user.pk])
        fields = {"username": "root", "is_staff": "on", "time_zone": "UTC"}

        joined = {"date_joined_0": "2026-01-01", "date_joined_1": "00:00"}

        answer = client.post(address, fields | joined)

        user.refresh_from_db()
        assert "Nobody could administer the console after this." in answer.content.decode()
        assert user.is_superuser
        assert user.is_active
