"""The four ends of a connection: agent and gateway, and the two ends of a live session.

The always-on channel begins with a handshake: Hello goes up, Welcome with the version comes down.
A live session needs none: its ticket came through the always-on channel.
"""

from __future__ import annotations

from typing import Final

from protocol import codec
from protocol.connection import Connection, State
from protocol.exceptions import (
    ConnectionMisused,
    ConnectionNotOpen,
    HandshakeViolated,
    ProtocolError,
    VersionsIncompatible,
)
from protocol.live import LiveDownward, LiveUpward
from protocol.messages import (
    VERSION_NEWEST,
    VERSION_OLDEST,
    Downward,
    Goodbye,
    Hello,
    Upward,
    Welcome,
)

# An agent that no version is left for waits for an upgrade of either side: an hour, in seconds.
RETRY_AFTER_UPGRADE: Final = 3600.0


class AgentLink(Connection[Downward, Upward]):
    """The agent's end of the always-on channel. Starts CONNECTING: call `greet`."""

    def __init__(self) -> None:
        super().__init__(
            reads=codec.DOWNWARD, writes=codec.UPWARD, dials=True, state=State.CONNECTING
        )
        self.version: int | None = None
        self._hello: Hello | None = None

    def greet(self, hello: Hello) -> None:
        """Send the first message. The link is OPEN when Welcome arrives."""
        if self._hello is not None or self.state is not State.CONNECTING:
            raise ConnectionNotOpen("the link was greeted before")
        self._hello = hello
        self._queue_message(hello)

    def say_goodbye(self, reason: str) -> None:
        """Tell the gateway why, then close."""
        self._require_open()
        self._queue_message(Goodbye(reason=reason))
        self.close(reason)

    def check_message(self, message: Downward) -> None:
        """Let Welcome come once, first and with a version that we offered."""
        if isinstance(message, Welcome):
            self._check_welcome(message)
        elif self.state is State.CONNECTING and not isinstance(message, Goodbye):
            raise HandshakeViolated(f"{type(message).__name__} instead of Welcome")

    def _check_welcome(self, welcome: Welcome) -> None:
        hello = self._hello
        if hello is None or self.version is not None:
            raise HandshakeViolated("Welcome was not awaited")
        if not hello.version_oldest <= welcome.version <= hello.version_newest:
            raise VersionsIncompatible(
                f"the gateway chose version {welcome.version}, "
                f"we offered {hello.version_oldest} to {hello.version_newest}"
            )
        self.version = welcome.version
        if self.state is State.CONNECTING:
            self.state = State.OPEN


class GatewayLink(Connection[Upward, Downward]):
    """The gateway's end of the always-on channel. Starts CONNECTING: answer Hello by `welcome`.

    A Hello without a version in common is answered by Goodbye and raises `VersionsIncompatible`.
    """

    def __init__(
        self, *, version_oldest: int = VERSION_OLDEST, version_newest: int = VERSION_NEWEST
    ) -> None:
        super().__init__(
            reads=codec.UPWARD, writes=codec.DOWNWARD, dials=False, state=State.CONNECTING
        )
        self.version: int | None = None
        self._version_oldest = version_oldest
        self._version_newest = version_newest

    def welcome(
        self, *, server_at: int, heartbeat_interval: float, status_interval: float
    ) -> Welcome:
        """Answer Hello: the link is OPEN. `server_at` in µs, intervals in seconds."""
        if self.version is None:
            raise ConnectionMisused("no Hello was received yet")
        if self.state is not State.CONNECTING:
            raise ConnectionNotOpen(f"the link is {self.state.value}")
        welcome = Welcome(
            version=self.version,
            server_at=server_at,
            heartbeat_interval=heartbeat_interval,
            status_interval=status_interval,
        )
        self._queue_message(welcome)
        self.state = State.OPEN
        return welcome

    def say_goodbye(self, reason: str, *, retry_after: float | None) -> None:
        """Tell the agent why and when to come back (seconds; None: never), then close.

        Works before Welcome too: for an endpoint that was revoked or a gateway that drains.
        """
        if self.state not in (State.CONNECTING, State.OPEN):
            raise ConnectionNotOpen(f"the link is {self.state.value}")
        self._queue_message(Goodbye(reason=reason, retry_after=retry_after))
        self.close(reason)

    def check_message(self, message: Upward) -> None:
        """Let Hello come once and first; the agent must await Welcome before it goes on."""
        if isinstance(message, Hello):
            self._choose_version(message)
        elif self.version is None or self.state is State.CONNECTING:
            raise HandshakeViolated(f"{type(message).__name__} before the handshake ended")

    def farewell(self, violation: ProtocolError) -> Downward | None:
        """Tell an agent of another age to try again after an upgrade."""
        if isinstance(violation, VersionsIncompatible):
            return Goodbye(reason=str(violation), retry_after=RETRY_AFTER_UPGRADE)
        return None

    def _choose_version(self, hello: Hello) -> None:
        if self.version is not None:
            raise HandshakeViolated("a second Hello")
        newest = min(hello.version_newest, self._version_newest)
        if newest < max(hello.version_oldest, self._version_oldest):
            raise VersionsIncompatible(
                f"the agent speaks versions {hello.version_oldest} to {hello.version_newest}, "
                f"the console {self._version_oldest} to {self._version_newest}"
            )
        self.version = newest


class LiveAgentEnd(Connection[LiveDownward, LiveUpward]):
    """The agent's end of a live session."""

    def __init__(self) -> None:
        super().__init__(reads=codec.LIVE_DOWNWARD, writes=codec.LIVE_UPWARD, dials=True)


class LiveConsoleEnd(Connection[LiveUpward, LiveDownward]):
    """The console's end of a live session."""

    def __init__(self) -> None:
        super().__init__(reads=codec.LIVE_UPWARD, writes=codec.LIVE_DOWNWARD, dials=False)
