"""The gateway's port: what the kernel does for it before and after a peer is accepted."""

from __future__ import annotations

import socket
from typing import Final

from console.core.doorway import BACKLOG
from console.gateway.server.limits import Limits

# Seconds that the kernel holds a connection back until its first byte arrives (Linux).
DEFER_ACCEPT: Final = 10


def listen(address: str, port: int, limits: Limits) -> socket.socket:
    """Open the listening socket. Several gateways of one host share the port."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    # Accepted sockets inherit these on Linux: no system calls per connection.
    _watch_connection(listening, limits)
    if hasattr(socket, "TCP_DEFER_ACCEPT"):
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT, DEFER_ACCEPT)
    listening.bind((address, port))
    listening.listen(BACKLOG)
    listening.setblocking(False)
    return listening


def _watch_connection(connection: socket.socket, limits: Limits) -> None:
    """Let the kernel notice a peer that vanished: idle or with bytes under way."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, limits.keepalive_idle)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, limits.keepalive_interval)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, limits.keepalive_count)
    user_timeout = limits.user_timeout * 1000
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, user_timeout)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
