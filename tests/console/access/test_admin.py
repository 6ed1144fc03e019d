from __future__ import annotations

import pytest
import redis
from django.test import Client

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
