"""Sockets, beside ss."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.sensors.sockettable import parse_table
from tests.agent.sensors.comparing import (
    NetworkNamespace,
    assert_agree,
    network_of,
    printed,
    program,
    rows_of,
)

ANY_IPV4 = "0.0.0.0"  # noqa: S104 - only compared with
_HOLDER = re.compile(r'\("(.*?)",pid=(\d+),fd=\d+\)')
SERVER = """
import socket, time
kept = []
for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::")):
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        one = socket.socket(family, kind)
        one.bind((address, 8000 + len(kept)))
        if kind == socket.SOCK_STREAM:
            one.listen()
        kept.append(one)
mapped = socket.create_connection(("127.0.0.1", 8002))
client = socket.create_connection(("::1", 8002))
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
udp.connect(("127.0.0.1", 8001))
kept.append(socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3)))
kept[-1].bind(("lo", 3))
kept.append(socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0806)))
time.sleep(60)
"""

Shown = set[tuple[str, ...]]


def listed(text: str) -> Shown:
    """Read `ss -H -n -p -O`: protocol, state, both ends, and who holds it."""
    shown: Shown = set()
    for line in text.splitlines():
        kind, state, _received, _sent, local, remote, *rest = line.split(None, 6)
        holders = _HOLDER.findall(rest[0]) if rest else []
        for name, pid in holders or [("", "")]:
            shown.add((kind, state.lower(), _plain(local), _plain(remote), name, pid))
    return shown


def _plain(end: str) -> str:
    address, _, port = end.rpartition(":")
    address = address.strip("[]").partition("%")[0].removeprefix("::ffff:")
    return f"{address.replace('*', '::')}:{port.replace('*', '0')}"


class TestInANamespace:
    @pytest.fixture
    def server(self) -> Iterator[tuple[NetworkNamespace, int]]:
        namespace = NetworkNamespace()
        enter = ["nsenter", "-t", str(namespace.holder.pid), "-n", sys.executable, "-c", SERVER]
        # `nsenter -n` becomes the program: the process is its own.
        process = subprocess.Popen(enter)
        assert_agree(lambda: (len(namespace.run(program("ss"), "-H", "-0", "-n").splitlines()), 2))
        yield namespace, process.pid
        process.kill()
        process.wait()
        namespace.close()

    @pytest.mark.root
    def test_listeners_are_those_of_ss(self, server: tuple[NetworkNamespace, int]) -> None:
        namespace, pid = server

        rows = [row for row in rows_of("network.listening") if row["PID"] == str(pid)]

        theirs = listed(namespace.run("ss", "-H", "-l", "-t", "-u", "-n", "-p", "-O"))
        ours = {
            (
                row["Protocol"].rstrip("6"),
                "listen" if row["Protocol"].startswith("tcp") else "unconn",
                f"{row['Local Address']}:{row['Local Port']}",
                f"{'::' if row['Protocol'].endswith('6') else ANY_IPV4}:0",
                row["Process Name"],
                row["PID"],
            )
            for row in rows
        }
        assert ours == theirs
        assert len(rows) == 4
        assert {row["Network Namespace"] for row in rows} == {network_of(pid)}

    @pytest.mark.root
    def test_connections_are_those_of_ss(self, server: tuple[NetworkNamespace, int]) -> None:
        namespace, pid = server

        def look() -> tuple[Shown, Shown]:
            theirs = listed(namespace.run("ss", "-H", "-t", "-u", "-n", "-p", "-O"))
            ours: Shown = {
                (
                    row["Protocol"].rstrip("6"),
                    {"established": "estab"}.get(row["State"], row["State"]),
                    f"{row['Local Address']}:{row['Local Port']}",
                    f"{row['Remote Address']}:{row['Remote Port']}",
                    row["Process Name"],
                    row["PID"],
                )
                for row in rows_of("network.connections")
                if row["Network Namespace"] == network_of(pid)
            }
            return ours, theirs

        assert_agree(look)
        ours, _ = look()
        assert len(ours) == 5

    @pytest.mark.root
    def test_packet_sockets_are_those_of_ss(self, server: tuple[NetworkNamespace, int]) -> None:
        namespace, pid = server

        rows = [row for row in rows_of("network.packet_sockets") if row["PID"] == str(pid)]

        held = _HOLDER.findall(namespace.run("ss", "-H", "-0", "-n", "-p"))
        assert {owner for _name, owner in held} == {str(pid)}
        shown = {(row["Interface"], row["Ethernet Protocol"]) for row in rows}
        # Interface 1 is loopback in any namespace; its names are its own.
        assert shown == {("1", "all"), ("any", "ARP")}


class TestOnThisComputer:
    @pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
    def test_a_listener_and_its_connection_are_seen(self, family: socket.AddressFamily) -> None:
        host = "127.0.0.1" if family == socket.AF_INET else "::1"
        with socket.create_server((host, 0), family=family) as server:
            port = server.getsockname()[1]
            with socket.create_connection((host, port)) as client:
                own = client.getsockname()[1]
                listening = rows_of("network.listening")
                connected = rows_of("network.connections")
                by_ss = printed(program("ss"), "-H", "-l", "-t", "-n", "-p", f"sport = :{port}")

        (row,) = (row for row in listening if row["Local Port"] == str(port))
        assert (row["Local Address"], row["PID"]) == (host, str(os.getpid()))
        assert f"pid={os.getpid()}" in by_ss
        ends = [
            (row["Local Address"], row["Remote Address"], row["Remote Port"], row["State"])
            for row in connected
            if (row["Local Port"], row["Remote Port"]) == (str(own), str(port))
        ]
        assert ends == [(host, host, str(port), "established")]

    def test_all_listeners_are_those_of_ss(self) -> None:
        def look() -> tuple[set[tuple[str, str]], set[tuple[str, str]]]:
            theirs = {
                (end.rpartition(":")[2], pid)
                for _kind, _state, end, _remote, _name, pid in listed(
                    printed("ss", "-H", "-l", "-t", "-u", "-n", "-p", "-O")
                )
            }
            ours = {
                (row["Local Port"], row["PID"])
                for row in rows_of("network.listening")
                if row["Network Namespace"] in ("host", network_of("self"))
                and row["Protocol"].rstrip("6") in ("tcp", "udp")
            }
            return ours, theirs

        assert_agree(look)


class TestTable:
    HEAD = b"  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid\n"

    def test_of_ipv4_in_ipv6_shows_ipv4(self) -> None:
        line = (
            b"   0: 0000000000000000FFFF00000100007F:1F90 "
            b"0000000000000000FFFF00000200007F:C350 01 0:0 0:0 0 1000 0 4711\n"
        )

        (entry,) = parse_table(self.HEAD + line, "tcp6", "host")

        assert (entry.local_address, entry.local_port) == ("127.0.0.1", 8080)
        assert (entry.remote_address, entry.remote_port) == ("127.0.0.2", 50000)
        assert (entry.user_id, entry.inode) == (1000, 4711)

    @given(st.lists(st.sampled_from([b"", b" ", b"0: 1", b"x y z"]), max_size=8))
    def test_skips_what_is_no_entry(self, lines: list[bytes]) -> None:
        assert list(parse_table(self.HEAD + b"\n".join(lines), "tcp", "host")) == []
