from __future__ import annotations

import pytest
from django.test import RequestFactory
from pytest_django import Settings

from console.endpoints.addresses import name_for_others, name_reached_by


@pytest.fixture(autouse=True)
def _names(settings: Settings) -> None:
    settings.VEDETTE_NAMES = ["console.example", "192.0.2.7", "localhost", "::1"]


class TestNameForOthers:
    @pytest.mark.parametrize("host", ["localhost:8443", "[::1]:8443", "unknown.example"])
    def test_is_the_first_name_where_the_one_in_use_leads_nowhere(self, host: str) -> None:
        request = RequestFactory().get("/", headers={"Host": host})
        assert name_for_others(request) == "console.example"

    def test_is_the_name_in_use_where_others_can_use_it(self) -> None:
        request = RequestFactory().get("/", headers={"Host": "192.0.2.7:8443"})
        assert name_for_others(request) == "192.0.2.7"


class TestNameReachedBy:
    def test_keeps_to_the_name_that_worked(self) -> None:
        request = RequestFactory().get("/", headers={"Host": "localhost:8443"})
        assert name_reached_by(request) == "localhost"
