"""The endpoint's end of live sessions: who may attach, and every way in which they end."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from channels import DEFAULT_CHANNEL_LAYER
from channels.layers import channel_layers
from django.utils import timezone
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus

from console.audit.models import AuditEvent
from console.certificates.models import Certificate
from console.core.consumers import SESSION_OVER, BrowserConsumer
from console.endpoints.services import revoke_endpoint
from directconnect import endpoint_consumer
from directconnect.endpoint_consumer import EndpointConsumer
from directconnect.models import Session
from directconnect.services import attach_endpoint
from directconnect.switchboard import ask_message, endpoint_group
from protocol.live import CloseSession, EventRows, SearchEvents, SessionOpened
from tests.console.computers import ADMINISTRATOR
from tests.directconnect.scene import Scene
from tests.live_console import (
    hear,
    joined_computer,
    say,
    until,
)

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]


class TestAttaching:
    async def test_is_refused_with_a_used_or_a_wrong_ticket(self, scene: Scene) -> None:
        with pytest.raises(InvalidStatus):
            await scene.console.endpoint(scene.session.pk, "guess", scene.computer.context)
        await scene.attach()

        with pytest.raises(InvalidStatus) as refused:
            await scene.console.endpoint(scene.session.pk, scene.ticket, scene.computer.context)

        assert refused.value.response.status_code == 403

    async def test_hears_what_was_asked_the_moment_the_session_opened(
        self, scene: Scene, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def attach_and_be_asked(session_id: uuid.UUID, **proof: Any) -> Session:
            session = attach_endpoint(session_id, **proof)
            # As an API request does that has just read OPEN from the database.
            layer = channel_layers[DEFAULT_CHANNEL_LAYER]
            question = ask_message("nobody", SearchEvents(search_id=7))
            async_to_sync(layer.group_send)(endpoint_group(session_id), question)
            return session

        monkeypatch.setattr(endpoint_consumer, "attach_endpoint", attach_and_be_asked)

        endpoint = await scene.attach()

        await until(lambda: endpoint.heard)
        assert [type(message) for message in endpoint.heard] == [SearchEvents]

    async def test_is_refused_to_another_endpoint(self, scene: Scene) -> None:
        foreign = await sync_to_async(joined_computer)("foreign")

        with pytest.raises(InvalidStatus):
            await scene.console.endpoint(scene.session.pk, scene.ticket, foreign.context)

        assert (await scene.stored()).state == Session.State.PENDING

    async def test_ends_when_the_endpoint_claims_another_session(self, scene: Scene) -> None:
        endpoint = await scene.attach()

        await endpoint.send(
            SessionOpened(session_id=uuid.uuid4(), host_name="web-1", agent_version="")
        )

        await until(lambda: endpoint.closed_because)
        assert (await scene.ended()).state == Session.State.CLOSED

    @pytest.mark.parametrize("kind", ["rows", "garbage"])
    async def test_ends_when_the_endpoint_breaks_a_rule(self, scene: Scene, kind: str) -> None:
        endpoint = await scene.attach()

        if kind == "rows":
            await endpoint.send(EventRows(search_id=1, offset=0, through=0, rows=[]))
        else:
            await endpoint.socket.send(b"\x07garbage that is no frame")

        await until(lambda: endpoint.closed_because)
        stored = await scene.ended()
        assert stored.state == Session.State.CLOSED
        assert "broke a rule" in stored.close_reason
        assert await _closed_by() == ("sessions", stored.close_reason)


class TestEnding:
    async def test_by_a_tab_reaches_the_endpoint_and_the_other_tabs(self, scene: Scene) -> None:
        endpoint = await scene.attach()
        tab, other = await scene.tab(), await scene.tab()
        await hear(tab, "state")
        await hear(other, "state")

        await say(tab, type="close")

        assert (await hear(other, "state"))["state"] == "CLOSED"
        await until(lambda: endpoint.closed_because)
        with pytest.raises(ConnectionClosed) as closed:
            await hear(other, "never")
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == SESSION_OVER
        assert (await scene.ended()).close_reason == "closed by the user"

    async def test_comes_with_a_revocation(self, scene: Scene) -> None:
        endpoint = await scene.attach()
        tab = await scene.tab()
        await hear(tab, "state")

        await sync_to_async(revoke_endpoint)(
            scene.computer.endpoint, reason="stolen", actor=ADMINISTRATOR, now=timezone.now()
        )
        await until(lambda: endpoint.closed_because)

        assert (await hear(tab, "state"))["reason"] == "the endpoint was revoked"
        with pytest.raises((InvalidHandshake, OSError)):
            await scene.console.endpoint(scene.session.pk, scene.ticket, scene.computer.context)

    async def test_comes_though_nobody_was_told(
        self, scene: Scene, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(EndpointConsumer, "housekeeping_interval", 0.05)
        endpoint = await scene.attach()

        await Certificate.objects.aupdate(revoked_at=timezone.now())
        await Session.objects.aupdate(state="CLOSED", closed_at=timezone.now())

        await until(lambda: endpoint.closed_because)
        assert endpoint.closed_because == "the session was ended"

    async def test_comes_when_nobody_looks_any_more(
        self, scene: Scene, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(EndpointConsumer, "housekeeping_interval", 0.05)
        monkeypatch.setattr(EndpointConsumer, "idle_limit", 0.3)

        endpoint = await scene.attach()

        await until(lambda: endpoint.closed_because)
        assert (await scene.ended()).close_reason == "nobody looked for ten minutes"
        assert await _closed_by() == ("sessions", "nobody looked for ten minutes")

    async def test_by_the_endpoint_is_recorded_as_its_own_act(self, scene: Scene) -> None:
        endpoint = await scene.attach()

        await endpoint.send(CloseSession(reason="shutting down"))

        assert (await scene.ended()).close_reason == "the endpoint closed: shutting down"
        assert await _closed_by() == (
            scene.computer.endpoint.host_name,
            "the endpoint closed: shutting down",
        )

    async def test_waits_while_a_tab_is_open(
        self, scene: Scene, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(EndpointConsumer, "housekeeping_interval", 0.05)
        monkeypatch.setattr(EndpointConsumer, "idle_limit", 0.5)
        monkeypatch.setattr(BrowserConsumer, "keep_alive_interval", 0.1)
        endpoint = await scene.attach()
        tab = await scene.tab()

        with pytest.raises(TimeoutError):
            await hear(tab, "never", patience=1.5)

        assert not endpoint.closed_because
        # The endpoint has an idle clock of its own: it hears of the console now and then.
        assert endpoint.heard

    async def test_is_recorded_when_the_endpoint_is_gone(self, scene: Scene) -> None:
        endpoint = await scene.attach()
        tab = await scene.tab()
        await hear(tab, "state")

        endpoint.socket.transport.abort()

        assert (await hear(tab, "state"))["state"] == "CLOSED"
        stored = await scene.ended()
        assert (stored.state, stored.close_reason) == ("CLOSED", "the connection was lost")


async def _closed_by() -> tuple[str, str]:
    """Return who ended the one session, and why, as the audit log tells it."""
    row = await AuditEvent.objects.aget(action="session.close")
    return row.actor_name, row.detail["reason"]
