"""Interfaces, routes and neighbours, beside ip."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.sensors.rtnetlink import attributes_of
from tests.agent.sensors.comparing import (
    NetworkNamespace,
    assert_agree,
    printed_json,
    program,
    rows_of,
)

ANY_IPV4 = "0.0.0.0"  # noqa: S104 - only compared with
SETUP = (
    "ip link add one type veth peer name two",
    "ip link add odd address 02:00:00:00:00:17 type bridge",
    "ip link set one up",
    "ip link set two up",
    "ip link set odd mtu 1400 up",
    "ip addr add 192.0.2.1/24 dev one",
    "ip addr add 192.0.2.9/32 peer 203.0.113.9/32 dev odd",
    "ip addr add 2001:db8::1/64 dev one nodad",
    "ip route add 198.51.100.0/24 via 192.0.2.254 metric 77 src 192.0.2.1",
    "ip route add default nexthop via 192.0.2.253 dev one weight 1 nexthop dev odd weight 3",
    "ip route add blackhole 203.0.113.0/28",
    "ip route add unreachable 2001:db8:dead::/48",
    "ip route add 10.0.0.0/8 dev odd table 700",
    "ip -6 route add default via 2001:db8::fe dev one",
    "ip neigh add 192.0.2.254 lladdr 02:00:00:00:00:99 nud permanent dev one",
    "ip -6 neigh add 2001:db8::fe lladdr 02:00:00:00:00:98 nud reachable dev one",
    "ip link set odd promisc on",
)


@pytest.fixture(scope="module")
def namespace() -> Iterator[NetworkNamespace]:
    program("ip")
    namespace = NetworkNamespace(*SETUP)
    yield namespace
    namespace.close()


def addresses(links: list[dict[str, Any]]) -> set[tuple[str, ...]]:
    """Read `ip -j addr`."""
    return {
        (
            link["ifname"],
            address.get("local", ""),
            str(address.get("prefixlen", "")),
            link.get("address", ""),
            str("UP" in link["flags"]),
            link["operstate"].lower().replace("lowerlayerdown", "lower layer down"),
            str(link["mtu"]),
        )
        for link in links
        for address in (link["addr_info"] or [{}])
    }


def own_addresses(rows: list[dict[str, str]]) -> set[tuple[str, ...]]:
    names = ("Interface", "IP Address", "Prefix Length", "MAC Address", "Enabled", "State", "MTU")
    return {tuple(row[name] for name in names) for row in rows}


def routes(listed: list[dict[str, Any]], any_address: str) -> set[tuple[str, ...]]:
    """Read `ip -j -details route show table all`."""
    width = "32" if any_address == ANY_IPV4 else "128"
    shown: set[tuple[str, ...]] = set()
    for route in listed:
        if route.get("table") == "local" or route["type"] == "multicast":
            continue
        to = f"{any_address}/0" if route["dst"] == "default" else route["dst"]
        for hop in route.get("nexthops", [route]):
            shown.add(
                (
                    to if "/" in to else f"{to}/{width}",
                    hop.get("gateway", ""),
                    hop.get("dev", ""),
                    str(route.get("metric", 0)),
                    route.get("prefsrc", ""),
                    route["type"],
                    route.get("table", "main"),
                )
            )
    return shown


def own_routes(rows: list[dict[str, str]], mark: str) -> set[tuple[str, ...]]:
    names = (
        "Destination", "Gateway", "Interface", "Metric", "Preferred Source", "Type", "Table",
    )  # fmt: skip
    return {
        tuple(row[name] for name in names)
        for row in rows
        if mark in row["Destination"] and row["Type"] != "multicast"
    }


def neighbours(listed: list[dict[str, Any]]) -> set[tuple[str, ...]]:
    """Read `ip -j neigh`."""
    return {
        (one["dst"], one.get("lladdr", ""), one["dev"], one["state"][0].lower()) for one in listed
    }


class TestInANamespace:
    pytestmark = pytest.mark.root

    def test_interfaces_are_those_of_ip(self, namespace: NetworkNamespace) -> None:
        assert_agree(
            lambda: (
                own_addresses(namespace.rows_of("network.interfaces")),
                addresses(namespace.json("ip", "-j", "addr")),
            )
        )
        kinds = {row["Interface"]: row["Kind"] for row in namespace.rows_of("network.interfaces")}
        assert {kinds[name] for name in ("lo", "one", "odd")} == {"loopback", "veth", "bridge"}

    @pytest.mark.parametrize(
        ("family", "any_address", "mark"), [("-4", ANY_IPV4, "."), ("-6", "::", ":")]
    )
    def test_routes_are_those_of_ip(
        self, namespace: NetworkNamespace, family: str, any_address: str, mark: str
    ) -> None:
        show = ("ip", "-j", "-d", family, "route", "show", "table", "all")

        assert_agree(
            lambda: (
                own_routes(namespace.rows_of("network.routes"), mark),
                routes(namespace.json(*show), any_address),
            )
        )

    def test_neighbours_are_those_of_ip(self, namespace: NetworkNamespace) -> None:
        def look() -> tuple[set[tuple[str, ...]], set[tuple[str, ...]]]:
            rows = {tuple(row.values()) for row in namespace.rows_of("network.neighbours")}
            return rows, neighbours(namespace.json("ip", "-j", "neigh"))

        assert_agree(look)
        assert ("192.0.2.254", "02:00:00:00:00:99", "one", "permanent") in look()[0]

    def test_promiscuous_interfaces_are_those_of_ip(self, namespace: NetworkNamespace) -> None:
        listed = namespace.json("ip", "-j", "-d", "link")
        theirs = {
            (link["ifname"], str(link["promiscuity"])) for link in listed if link["promiscuity"]
        }

        rows = namespace.rows_of("network.promiscuous")

        assert {(row["Interface"], row["Promiscuity"]) for row in rows} == theirs
        assert theirs == {("odd", "1")}

    def test_hardware_addresses_are_those_of_ip(self, namespace: NetworkNamespace) -> None:
        listed = namespace.json("ip", "-j", "link")
        theirs = {link["address"] for link in listed if link["link_type"] == "ether"}

        rows = namespace.rows_of("network.mac_address")

        assert {row["MAC Address"] for row in rows} == theirs


class TestOnThisComputer:
    def test_interfaces_are_those_of_ip(self) -> None:
        assert_agree(
            lambda: (
                own_addresses(rows_of("network.interfaces")),
                addresses(printed_json(program("ip"), "-j", "addr")),
            )
        )

    def test_routes_are_those_of_ip(self) -> None:
        show = ("-j", "-d", "-4", "route", "show", "table", "all")

        assert_agree(
            lambda: (
                own_routes(rows_of("network.routes"), "."),
                routes(printed_json(program("ip"), *show), ANY_IPV4),
            )
        )


class TestAttributes:
    @given(st.binary(max_size=200))
    def test_may_be_anything(self, raw: bytes) -> None:
        for number, value in attributes_of(raw).items():
            assert number < 1 << 14
            assert len(value) <= len(raw)
