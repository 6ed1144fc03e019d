"""Resolver, hosts file and proxies, beside getent and awk."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.agent.sensors.comparing import printed, program, rows_of, write

HOSTS = """127.0.0.1 localhost # loopback
192.0.2.7\tupdates.example.com mirror.example.com
::1 ip6-localhost
# 192.0.2.8 commented.example.com

nonsense
"""
RESOLVER = """; comment
# nameserver 192.0.2.99
nameserver 192.0.2.53
nameserver fe80::53%eth0
search example.com corp.example
options edns0 timeout:1
nameserver
"""


class TestHostsFile:
    @pytest.mark.root
    def test_is_what_getent_reads(self, tmp_path: Path) -> None:
        write(tmp_path, {"etc/hosts": HOSTS})
        ask = f"mount --bind {tmp_path}/etc/hosts /etc/hosts && getent -s files ahosts localhost; "
        ask += "getent -s files hosts"

        listed = printed(program("unshare"), "-m", "sh", "-c", ask).splitlines()

        rows = rows_of("network.hosts_entries", tmp_path)
        ours = {(row["IP Address"], row["Host Name"]) for row in rows}
        theirs = {(line.split()[0], name) for line in listed for name in line.split()[1:]}
        # getent shows the IPv6 loopback as IPv4; and sockets' kinds beside addresses.
        for address, name in ours - {("::1", "ip6-localhost")}:
            assert (address, name) in theirs
        assert ("127.0.0.1", "localhost") in ours

    def test_shows_the_comment_of_a_line(self, tmp_path: Path) -> None:
        rows = rows_of("network.hosts_entries", write(tmp_path, {"etc/hosts": HOSTS}))

        assert [tuple(row.values()) for row in rows] == [
            ("127.0.0.1", "localhost", "loopback"),
            ("192.0.2.7", "updates.example.com", ""),
            ("192.0.2.7", "mirror.example.com", ""),
            ("::1", "ip6-localhost", ""),
        ]

    def test_may_be_missing_or_no_text(self, tmp_path: Path) -> None:
        assert rows_of("network.hosts_entries", tmp_path) == []
        odd = write(tmp_path, {"etc/hosts": b"\xff\xfe \x00name\n#\n \n"})

        (row,) = rows_of("network.hosts_entries", odd)
        assert row["IP Address"] == "\\xff\\xfe"


class TestResolver:
    def test_has_the_servers_of_its_file(self) -> None:
        servers = printed("awk", '$1 == "nameserver" {print $2}', "/etc/resolv.conf").split()

        rows = rows_of("network.dns_servers")

        ours = [row["DNS Server"] for row in rows if row["Source"] == "/etc/resolv.conf"]
        assert ours == servers

    def test_shows_what_stands_behind_a_stub(self, tmp_path: Path) -> None:
        stub, behind = "nameserver 127.0.0.53\n", "nameserver 192.0.2.1\n"
        files = {"etc/resolv.conf": stub, "run/systemd/resolve/resolv.conf": behind}

        rows = rows_of("network.dns_servers", write(tmp_path, files))

        assert [tuple(row.values()) for row in rows] == [
            ("127.0.0.53", "/etc/resolv.conf"),
            ("192.0.2.1", "/run/systemd/resolve/resolv.conf"),
        ]

    def test_has_all_settings(self, tmp_path: Path) -> None:
        files = {
            "etc/resolv.conf": RESOLVER,
            "etc/nsswitch.conf": "passwd: files\nhosts:   files  dns # x\n",
        }

        rows = rows_of("network.dns_settings", write(tmp_path, files))

        assert [(row["Setting"], row["Value"]) for row in rows] == [
            ("nameserver", "192.0.2.53"),
            ("nameserver", "fe80::53%eth0"),
            ("search", "example.com corp.example"),
            ("options", "edns0 timeout:1"),
            ("hosts", "files dns"),
        ]


class TestProxies:
    def test_are_found_in_their_files(self, tmp_path: Path) -> None:
        files = {
            "etc/environment": 'https_proxy="http://proxy.example:3128"\nNO_PROXY=localhost\n',
            "etc/apt/apt.conf.d/80proxy": 'Acquire::http::Proxy "http://u:secret@p.example:1/";\n',
            "etc/dnf/dnf.conf": "[main]\n# proxy=http://old.example\nproxy=http://new.example\n",
            "etc/profile.d/proxy.sh": "export ALL_PROXY=socks5h://127.0.0.1:9050\n",
        }

        rows = rows_of("network.proxies", write(tmp_path, files))

        assert {(row["Setting"], row["Value"], row["Source"]) for row in rows} == {
            ("https_proxy", "http://proxy.example:3128", "/etc/environment"),
            ("NO_PROXY", "localhost", "/etc/environment"),
            (
                "Acquire::http::Proxy",
                "http://u:***@p.example:1/",
                "/etc/apt/apt.conf.d/80proxy",
            ),
            ("proxy", "http://new.example", "/etc/dnf/dnf.conf"),
            ("ALL_PROXY", "socks5h://127.0.0.1:9050", "/etc/profile.d/proxy.sh"),
        }

    def test_are_none_without_files(self, tmp_path: Path) -> None:
        assert rows_of("network.proxies", tmp_path) == []
