"""The endpoint's end of a live session: one consumer for each session, behind mutual TLS."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Coroutine, Iterable
from typing import Any, ClassVar, Final
from uuid import UUID

import redis
from channels.db import database_sync_to_async
from channels.exceptions import ChannelFull
from django.utils import timezone

from console.certificates.exceptions import CertificateRefused
from console.certificates.tls import endpoint_id_from_der, fingerprint_of
from console.core.actor import Actor
from console.core.consumers import SocketConsumer
from directconnect.exceptions import AnswerUnasked, AttachmentRefused, RelayError
from directconnect.models import Session
from directconnect.relay import Answer, Relay
from directconnect.services import (
    SYSTEM,
    attach_endpoint,
    record_session_alive,
    record_session_ended,
)
from directconnect.switchboard import (
    answer_message,
    endpoint_group,
    listeners_group,
    read_request,
    refusal_message,
    state_message,
)
from protocol.arrivals import Arrival, MessageReceived, PeerClosed, StreamOffered
from protocol.ends import LiveConsoleEnd
from protocol.exceptions import ConnectionMisused, ProtocolError
from protocol.live import (
    CancelSearch,
    CloseSession,
    FetchRows,
    LiveDownward,
    LiveUpward,
    SessionOpened,
)

log = logging.getLogger(__name__)

SCHEME: Final = b"ticket "

# A search number that is never given: cancelling it does nothing on the endpoint, except that its
# idle clock begins anew.
NO_SEARCH: Final = 0

POLICY_VIOLATION: Final = 1008


class EndpointConsumer(SocketConsumer):
    """Carries the questions of all tabs of a session to the endpoint, and the answers back."""

    # Seconds.
    idle_limit: ClassVar[float] = 600.0
    housekeeping_interval: ClassVar[float] = 60.0
    telling_interval: ClassVar[float] = 0.25
    _is_attached = False

    async def connect(self) -> None:
        """Accept the endpoint that the session is with, once; refuse any other with HTTP 403."""
        self.session_id: UUID = self.scope["url_route"]["kwargs"]["session_id"]
        layer, group = self.channel_layer, endpoint_group(self.session_id)
        # Before the database says that the session is open: whoever reads that asks at once, and
        # what is sent to a group without members is lost. It is acted on when this is over.
        await layer.group_add(group, self.channel_name)
        try:
            session = await self._attach()
        except (AttachmentRefused, CertificateRefused) as refusal:
            await layer.group_discard(group, self.channel_name)
            log.warning("session %s: a peer was refused: %s", self.session_id, refusal)
            await self.close()
            return
        self._is_attached = True
        self._end = LiveConsoleEnd()
        self._relay = Relay()
        self._sending = asyncio.Lock()
        self._peer = Actor(session.endpoint.host_name, source_address=self._source_address())
        # Who ended the session, and why: the first word counts, what follows only echoes it.
        self._ending: tuple[Actor, str] | None = None
        self._present_at = self._now()
        await self.accept()
        await self._tell_listeners(Session.State.OPEN)

    async def ended(self) -> None:
        """Record the end, and tell the tabs."""
        actor, reason = self._ending or (SYSTEM, "the connection was lost")
        await database_sync_to_async(record_session_ended)(
            self.session_id, actor=actor, reason=reason, now=timezone.now()
        )
        with contextlib.suppress(redis.RedisError, OSError):
            await self._tell_listeners(Session.State.CLOSED, reason)
            await self.channel_layer.group_discard(
                endpoint_group(self.session_id), self.channel_name
            )

    def companions(self) -> list[Coroutine[Any, Any, None]]:
        """Tell standings that were held back, and keep house."""
        return [self._tell_due(), self._keep_house()]

    # -------------------------------------------------------------- from the endpoint

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """Take one frame. Whatever breaks a rule ends the session."""
        try:
            for arrival in self._end.receive_frame(bytes_data or b""):
                await self._act_on(arrival)
        except (ProtocolError, AnswerUnasked) as violation:
            log.warning("session %s: %s", self.session_id, violation)
            await self._finish(f"the endpoint broke a rule: {violation}", POLICY_VIOLATION)
            return
        await self._flush()

    async def _act_on(self, arrival: Arrival[LiveUpward]) -> None:
        match arrival:
            case MessageReceived(message):
                await self._take(message)
            case PeerClosed(_, reason):
                await self._finish(f"the endpoint closed: {reason}", by=self._peer)
            case StreamOffered(stream_id):
                self._end.cancel_stream(stream_id, "a live session has no streams")

    async def _take(self, message: LiveUpward) -> None:
        match message:
            case SessionOpened(session_id=session_id):
                if session_id != self.session_id:
                    raise AnswerUnasked(f"session {session_id} was opened on this connection")
            case CloseSession(reason=reason):
                await self._finish(f"the endpoint closed: {reason}", by=self._peer)
            case _:
                await self._deliver(self._relay.answer(message, now=self._now()))

    async def _deliver(self, answers: Iterable[tuple[str, Answer]]) -> None:
        for asker, answer in answers:
            await self._send_to(asker, answer_message(answer))

    # -------------------------------------------------------------- from tabs and services

    async def dispatch(self, message: dict[str, Any]) -> None:
        """Act on one message; a peer that was refused takes no part in the session."""
        if self._is_attached or message["type"].startswith("websocket."):
            await super().dispatch(message)

    async def tab_ask(self, message: dict[str, Any]) -> None:
        """Carry a tab's request to the endpoint, or tell the tab why not."""
        self._present_at = self._now()
        request, asker = read_request(message), message["asker"]
        try:
            await self._send_down(self._relay.ask(asker, request))
        except (RelayError, ConnectionMisused) as refusal:
            offset = request.offset if isinstance(request, FetchRows) else None
            search_id = getattr(request, "search_id", NO_SEARCH)
            await self._send_to(asker, refusal_message(search_id, str(refusal), offset=offset))

    async def tab_present(self, message: dict[str, Any]) -> None:
        """Note that somebody still looks."""
        self._present_at = self._now()

    async def tab_left(self, message: dict[str, Any]) -> None:
        """Stop searching for a tab that has gone."""
        await self._send_down(self._relay.forget(message["asker"]))

    async def session_end(self, message: dict[str, Any]) -> None:
        """End the session on the console's word."""
        await self._finish(message["reason"])

    # -------------------------------------------------------------- inside

    async def _attach(self) -> Session:
        tls = (self.scope.get("extensions") or {}).get("tls", {})
        certificate = tls.get("client_cert_der")
        if not isinstance(certificate, bytes):
            raise AttachmentRefused("there is no client certificate")
        attach = database_sync_to_async(attach_endpoint)
        return await attach(
            self.session_id,
            ticket=_ticket_in(self.scope["headers"]),
            endpoint_id=endpoint_id_from_der(certificate),
            fingerprint=fingerprint_of(certificate),
            now=timezone.now(),
        )

    async def _send_down(self, messages: Iterable[LiveDownward]) -> None:
        for message in messages:
            self._end.send_message(message)
        await self._flush()

    async def _flush(self) -> None:
        # uvicorn's `send` waits while the endpoint does not read: nothing piles up behind it. One
        # at a time, or the parts of one message would overtake each other.
        async with self._sending:
            while frames := self._end.frames_to_send():
                for frame in frames:
                    await self.send(bytes_data=frame)

    async def _finish(self, reason: str, code: int = 1000, *, by: Actor = SYSTEM) -> None:
        self._ending = self._ending or (by, reason)
        with contextlib.suppress(ConnectionMisused):
            self._end.send_message(CloseSession(reason=reason))
        self._end.close(reason)
        with contextlib.suppress(OSError):
            await self._flush()
            await self.close(code)

    async def _tell_due(self) -> None:
        while True:
            await asyncio.sleep(self.telling_interval)
            await self._deliver(self._relay.due(now=self._now()))

    async def _keep_house(self) -> None:
        while True:
            await asyncio.sleep(self.housekeeping_interval)
            if self._now() - self._present_at > self.idle_limit:
                await self._finish("nobody looked for ten minutes")
                return
            alive = database_sync_to_async(record_session_alive)
            if not await alive(self.session_id, now=timezone.now()):
                await self._finish("the session was ended")
                return
            # The layer drops memberships after a day.
            await self.channel_layer.group_add(endpoint_group(self.session_id), self.channel_name)
            with contextlib.suppress(ConnectionMisused):
                await self._send_down([CancelSearch(search_id=NO_SEARCH)])

    async def _tell_listeners(self, state: Session.State, reason: str = "") -> None:
        await self.channel_layer.group_send(
            listeners_group(self.session_id), state_message(state.value, reason)
        )

    async def _send_to(self, asker: str, message: dict[str, Any]) -> None:
        try:
            await self.channel_layer.send(asker, message)
        except ChannelFull:
            # Its program does not read: the tab's credit comes back by time.
            log.warning("session %s: a browser's program is too slow", self.session_id)

    def _source_address(self) -> str:
        address, *_ = self.scope.get("client") or [""]
        return str(address)

    def _now(self) -> float:
        return asyncio.get_running_loop().time()


def _ticket_in(headers: Iterable[tuple[bytes, bytes]]) -> str:
    value = dict(headers).get(b"authorization", b"")
    return value[len(SCHEME) :].decode("latin-1") if value.lower().startswith(SCHEME) else ""
