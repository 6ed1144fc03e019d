from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser
from django.test import RequestFactory

from console.access.models import User
from console.core.requests import actor_of, network_of, source_address_of

FORWARDED = "203.0.113.9, 192.0.2.77, 10.0.0.7"


def _request(peer: str, forwarded: str = FORWARDED) -> Any:
    return RequestFactory().get("/", REMOTE_ADDR=peer, HTTP_X_FORWARDED_FOR=forwarded)


class TestSourceAddress:
    def test_is_that_of_the_connection_whatever_the_header_claims(self) -> None:
        assert source_address_of(_request("192.0.2.5")) == "192.0.2.5"

    def test_behind_trusted_proxies_is_the_last_address_that_is_none_of_them(
        self, settings: Any
    ) -> None:
        settings.VEDETTE_TRUSTED_PROXIES = ["10.0.0.0/24", "127.0.0.1"]

        assert source_address_of(_request("127.0.0.1")) == "192.0.2.77"
        assert source_address_of(_request("192.0.2.5")) == "192.0.2.5"
        assert source_address_of(_request("127.0.0.1", "")) == "127.0.0.1"

    def test_that_a_proxy_passed_on_must_be_an_address(self, settings: Any) -> None:
        settings.VEDETTE_TRUSTED_PROXIES = ["127.0.0.1"]

        assert source_address_of(_request("127.0.0.1", "<script>alert(1)</script>")) == ""

    def test_is_written_in_one_way(self) -> None:
        assert source_address_of(_request("::ffff:192.0.2.5")) == "192.0.2.5"
        assert source_address_of(_request("2001:DB8:0::1")) == "2001:db8::1"
        assert source_address_of(_request("")) == ""

    def test_belongs_to_a_network(self) -> None:
        assert network_of("192.0.2.5") == "192.0.2.5"
        assert network_of("2001:db8:0:1::9") == "2001:db8:0:1::/64"
        assert network_of("garbage") == ""


class TestActor:
    def test_is_the_user_with_the_address(self) -> None:
        request = _request("192.0.2.5")
        request.user = User(pk=7, username="ada")

        actor = actor_of(request)

        assert (actor.name, actor.user_id, actor.source_address) == ("ada", 7, "192.0.2.5")

    def test_is_anonymous_before_a_login(self) -> None:
        request = _request("192.0.2.5")
        request.user = AnonymousUser()

        assert actor_of(request).user_id is None


@pytest.mark.parametrize("peer", ["192.0.2.5", ""])
def test_a_unix_socket_is_no_trusted_proxy_by_itself(peer: str) -> None:
    assert source_address_of(_request(peer)) == peer
