"""Read `host:port` as people and consoles write it, IPv6 in brackets included."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

HIGHEST_PORT = 65_535


@dataclass(frozen=True)
class Address:
    """A name or address and a port; the name is what the certificate must be for."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def read_address(text: str, *, default_port: int | None = None) -> Address:
    """Read `host`, `host:port`, `[v6]` or `[v6]:port`. Raises `ValueError` with the reason."""
    host, port_text = _split(text.strip())
    if not port_text:
        if default_port is None:
            raise ValueError(f"{text!r} names no port")
        return Address(_checked_host(host, text), default_port)
    if not (port_text.isascii() and port_text.isdigit() and 1 <= int(port_text) <= HIGHEST_PORT):
        raise ValueError(f"{text!r} names no port between 1 and {HIGHEST_PORT}")
    return Address(_checked_host(host, text), int(port_text))


def _split(text: str) -> tuple[str, str]:
    if text.startswith("["):
        host, _, rest = text[1:].partition("]")
        return host, rest.removeprefix(":")
    if text.count(":") > 1:
        return text, ""
    host, _, port = text.partition(":")
    return host, port


def _checked_host(host: str, text: str) -> str:
    if ":" in host:
        try:
            return str(ipaddress.IPv6Address(host))
        except ValueError as error:
            raise ValueError(f"{text!r} names no IPv6 address") from error
    labels = host.removesuffix(".").split(".")
    if all(_is_label(label) for label in labels):
        return host
    raise ValueError(f"{text!r} names no host")


def _is_label(label: str) -> bool:
    plain = label.replace("-", "").replace("_", "")
    return 0 < len(label) <= 63 and plain.isascii() and plain.isalnum()
