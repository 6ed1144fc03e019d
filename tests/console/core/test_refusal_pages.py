from __future__ import annotations

import pytest
from django.template.loader import render_to_string
from django.test import Client

from tests.console.pages import browser

pytestmark = pytest.mark.django_db


class TestRefusalPages:
    def test_say_that_nothing_is_at_an_address(self) -> None:
        response = browser(name="root", is_superuser=True).get("/endpoints/endpoint/none/change/")
        assert response.status_code == 404
        assert "Nothing is here" in response.content.decode()

    def test_say_that_somebody_may_not(self) -> None:
        response = browser().get("/alerts/alert/")
        assert response.status_code == 403
        assert "You may not do that" in response.content.decode()

    def test_say_that_a_form_is_too_old(self) -> None:
        client = Client(enforce_csrf_checks=True)
        response = client.post("/login/", {"username": "ada", "password": "x"})
        assert response.status_code == 403
        assert "This page was open for too long" in response.content.decode()

    @pytest.mark.parametrize("code", [400, 403, 404, 500, 503])
    def test_need_nothing_of_the_console(self, code: int) -> None:
        page = render_to_string(f"{code}.html")
        assert f'<p class="code">{code}</p>' in page
        assert '<a class="main" href="/">Home</a>' in page
