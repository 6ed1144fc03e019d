"""Two ends wired together: what one wants to send, the other receives, byte for byte."""

from __future__ import annotations

from typing import Any

from protocol.arrivals import Arrival
from protocol.connection import Connection
from protocol.ends import AgentLink, GatewayLink
from tests.protocol import samples


def deliver(sender: Connection[Any, Any], receiver: Connection[Any, Any]) -> list[Arrival[Any]]:
    """Carry everything that waits at one end to the other and tell what arrived there."""
    arrivals: list[Arrival[Any]] = []
    while frames := sender.frames_to_send():
        for frame in frames:
            arrivals.extend(receiver.receive_frame(frame))
    return arrivals


def shake_hands(agent: AgentLink, gateway: GatewayLink) -> None:
    """Go through the handshake until both ends are open."""
    agent.greet(samples.HELLO)
    deliver(agent, gateway)
    gateway.welcome(server_at=samples.AT, heartbeat_interval=5.0, status_interval=60.0)
    deliver(gateway, agent)


def open_pair() -> tuple[AgentLink, GatewayLink]:
    """Give an agent and a gateway that have shaken hands."""
    agent, gateway = AgentLink(), GatewayLink()
    shake_hands(agent, gateway)
    return agent, gateway
