"""What endpoints reach by their ports, and every WebSocket, tried by whom it is not for."""

from __future__ import annotations

from typing import Any

import pytest
import redis
from asgiref.sync import sync_to_async
from django.conf import settings
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from console.access.models import User
from console.endpoints.public_asgi import endpoint_application, public_application
from tests.console.asgi_client import ask
from tests.console.computers import enrolment_token, prepare_console
from tests.live_console import LiveConsole, joined_computer, live_console
from tests.permissions.registered import address_of
from tests.permissions.rules import BROWSER_SOCKETS, ENDPOINT_SOCKETS, SESSIONS_PORT, STATUS_PORT
from tests.permissions.scene import (
    administrator,
    make_scene,
    with_everything_but,
    with_permissions,
)


@pytest.fixture(autouse=True)
def empty_redis(valkey: redis.Redis) -> None:
    valkey.flushdb()
    settings.STATIC_ROOT.mkdir(parents=True, exist_ok=True)


@pytest.mark.django_db
@pytest.mark.parametrize(("method", "path"), STATUS_PORT)
def test_asks_strangers_on_the_status_port_for_a_token(method: str, path: str) -> None:
    prepare_console()
    bearer = {"Authorization": f"Bearer {enrolment_token()}"}

    without = ask(public_application, method, f"/{path}", body=b"{}")
    wrong = ask(public_application, method, f"/{path}", headers={"Authorization": "Bearer x"})

    if STATUS_PORT[method, path] == "nothing":
        assert without.status == 200
        return
    assert {without.status, wrong.status} <= {400, 401, 403}
    if method == "GET":
        assert ask(public_application, method, f"/{path}", headers=bearer).status == 200


@pytest.mark.django_db
@pytest.mark.parametrize(("method", "path"), SESSIONS_PORT)
def test_asks_on_the_sessions_port_for_the_certificate(method: str, path: str) -> None:
    prepare_console()

    for application in (public_application, endpoint_application):
        answer = ask(application, method, f"/{path}", body=b'{"csr": ""}')
        assert answer.status in {401, 403, 404}


@pytest.mark.parametrize("application", [public_application, endpoint_application])
@pytest.mark.parametrize("path", ["/", "/login/", "/api/v1/endpoints/", "/static/x", "/healthz/"])
def test_serves_no_page_of_the_console_to_endpoints(application: Any, path: str) -> None:
    assert ask(application, "GET", path).status == 404


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
class TestSockets:
    @pytest.mark.parametrize("pattern", BROWSER_SOCKETS)
    async def test_of_browsers_let_in_exactly_whom_their_rule_names(self, pattern: str) -> None:
        rule = BROWSER_SOCKETS[pattern]
        scene = await sync_to_async(make_scene)()
        path = address_of(pattern, *(scene.things[name] for name in rule.values))
        people: list[User | None] = [None, await sync_to_async(with_permissions)("stranger", ())]
        async with live_console() as console:
            for number, permission in enumerate(rule.permissions):
                people.append(await sync_to_async(with_everything_but)(f"l{number}", permission))
            for user in people:
                assert await _is_refused(console, path, user)
            if rule.permissions:
                exact = await sync_to_async(with_permissions)("exact", rule.permissions)
                assert not await _is_refused(console, path, exact)
            else:
                assert await _is_refused(console, path, await sync_to_async(administrator)())

    @pytest.mark.parametrize("pattern", ENDPOINT_SOCKETS)
    async def test_of_endpoints_refuse_a_certificate_without_ticket(self, pattern: str) -> None:
        scene = await sync_to_async(make_scene)()
        computer = await sync_to_async(joined_computer)("web-2")
        values = [scene.things["session"]] if "<" in pattern else []
        async with live_console() as console:
            address = f"wss://127.0.0.1:{console.sessions_port}{address_of(pattern, *values)}"
            with pytest.raises(InvalidStatus) as refused:
                await connect(address, ssl=computer.context, proxy=None)
        assert refused.value.response.status_code == 403


async def _is_refused(console: LiveConsole, path: str, user: User | None) -> bool:
    try:
        await console.browser(path, user)
    except InvalidStatus as refusal:
        return refusal.response.status_code == 403
    return False
