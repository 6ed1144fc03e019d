"""How names are resolved and which proxies are used: files that decide where traffic goes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from agent.sensors.context import Row, SensorContext, SensorFunction
from agent.sensors.reading import names_in, text_at

RESOLVER: Final = "etc/resolv.conf"
# Where systemd-resolved and NetworkManager write the servers that they ask themselves.
_BEHIND_STUBS: Final = ("run/systemd/resolve/resolv.conf", "run/NetworkManager/no-stub-resolv.conf")
_HOSTS_BYTES: Final = 16 * 1024 * 1024  # lists of advertisers grow long
_PROXY_FILES: Final = (
    "etc/environment", "etc/profile", "etc/bash.bashrc", "etc/wgetrc", "etc/curlrc",
    "etc/apt/apt.conf", "etc/dnf/dnf.conf", "etc/yum.conf", "etc/sysconfig/proxy",
    "etc/default/docker", "etc/systemd/system.conf", "root/.docker/config.json",
    "etc/docker/daemon.json", "root/.curlrc", "root/.wgetrc",
)  # fmt: skip
_PROXY_FOLDERS: Final = (
    "etc/profile.d", "etc/environment.d", "etc/apt/apt.conf.d", "etc/systemd/system.conf.d",
    "etc/systemd/system/docker.service.d", "etc/systemd/system/containerd.service.d",
)  # fmt: skip
_PROXY: Final = re.compile(
    r"""(?P<name>\b(?:https?|ftp|all|no|rsync|socks)_?proxy\b|\bAcquire::\w+::Proxy[\w:-]*|\bproxy\b)
        ["']?\s*[=:\s]\s*["']?(?P<value>[^"'\s;]+)""",
    re.IGNORECASE | re.VERBOSE,
)
_PASSWORD: Final = re.compile(r"(//[^/:@\s]*):[^/@\s]*@")


def resolver_settings(text: str) -> Iterator[tuple[str, str]]:
    """Yield the settings of a resolv.conf(5): one for each name server."""
    for line in text.splitlines():
        words = line.split()
        if len(words) > 1 and words[0][0] not in "#;":
            yield words[0], " ".join(words[1:])


def _resolver_files(context: SensorContext) -> Iterator[tuple[str, str]]:
    for place in (RESOLVER, *_BEHIND_STUBS):
        text = text_at(context.root / place)
        if text:
            yield f"/{place}", text


def dns_servers(context: SensorContext, _parameters: Mapping[str, str]) -> Iterator[Row]:
    """Give the servers that are asked for names, and the file that says so."""
    for source, text in _resolver_files(context):
        for setting, value in resolver_settings(text):
            if setting == "nameserver":
                yield value.split()[0], source


def dns_settings(context: SensorContext, _parameters: Mapping[str, str]) -> Iterator[Row]:
    """Give every setting of the resolver, and the order of sources from nsswitch.conf(5)."""
    for source, text in _resolver_files(context):
        for setting, value in resolver_settings(text):
            yield setting, value, source
    for line in text_at(context.root / "etc/nsswitch.conf").splitlines():
        name, _, value = line.partition("#")[0].partition(":")
        if name.strip() == "hosts":
            yield "hosts", " ".join(value.split()), "/etc/nsswitch.conf"


def hosts_entries(context: SensorContext, _parameters: Mapping[str, str]) -> Iterator[Row]:
    """Give each name of the hosts file with its address."""
    for line in text_at(context.root / "etc/hosts", _HOSTS_BYTES).splitlines():
        content, _, comment = line.partition("#")
        address, *names = content.split() or [""]
        for name in names:
            yield address, name, comment.strip()


def proxies(context: SensorContext, _parameters: Mapping[str, str]) -> Iterator[Row]:
    """Give the proxy settings of the system's files, passwords left out."""
    for path in _proxy_files(context.root):
        for line in text_at(path).splitlines():
            if line.lstrip().startswith(("#", "//", ";")):
                continue
            for found in _PROXY.finditer(line):
                yield (
                    found["name"],
                    _PASSWORD.sub(r"\1:***@", found["value"]),
                    f"/{path.relative_to(context.root)}",
                )


def _proxy_files(root: Path) -> Iterator[Path]:
    for place in _PROXY_FILES:
        yield root / place
    for folder in _PROXY_FOLDERS:
        for name in names_in(root / folder):
            yield root / folder / name


SENSORS: Final[dict[str, SensorFunction]] = {
    "network.dns_servers": dns_servers,
    "network.dns_settings": dns_settings,
    "network.hosts_entries": hosts_entries,
    "network.proxies": proxies,
}
