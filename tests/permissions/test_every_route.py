"""Every registered address, tried by nobody, by a user without permissions, by the right user.

Deny by default: each address must stand in the table of `rules`, each needed permission is really
needed (a user with all others is refused), and no other is.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

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
from tests.permissions.registered import (
    address_of,
    consumer_of,
    http_routes,
    socket_routes,
)
from tests.permissions.rules import (
    APP_LISTS,
    BROWSER_SOCKETS,
    ENDPOINT_SOCKETS,
    SESSIONS_PORT,
    STATUS_PORT,
    Rule,
    api_rules,
    page_rules,
)
from tests.permissions.scene import (
    Scene,
    administrator,
    client_of,
    make_scene,
    with_everything_but,
    with_permissions,
)

REFUSED = {401, 403, 404, 405}
# The login, and home for who asked for something that they cannot see.
SENT_AWAY_TO = {"/login/", "/"}
TABLE = [*api_rules(), *page_rules()]
_APP_LIST = "^(?P<app_label>"


@pytest.fixture(autouse=True)
def empty_redis(valkey: redis.Redis) -> None:
    valkey.flushdb()
    settings.STATIC_ROOT.mkdir(parents=True, exist_ok=True)


class Visit:
    """One method at one address, tried by one person after the other."""

    def __init__(self, scene: Scene, method: str, pattern: str, rule: Rule) -> None:
        self._method = method
        self._address = address_of(pattern, *(scene.things[name] for name in rule.values))
        self._sends = scene.fill(rule.sends)
        self._is_api = pattern.startswith("api/")

    def is_refused(self, user: User | None) -> bool:
        """Tell whether this user, or nobody, is kept out."""
        client = client_of(user, api=self._is_api)
        options: dict[str, Any] = {"secure": True}
        if self._method != "GET":
            options["data"] = self._sends
        response = getattr(client, self._method.lower())(self._address, **options)
        assert response.status_code not in {500, 415}, response.status_code
        if response.status_code == 302:
            return urlsplit(response["Location"]).path in SENT_AWAY_TO
        return response.status_code in REFUSED


def check(visit: Visit, rule: Rule) -> None:
    """Try an address as everybody that its rule speaks of."""
    assert visit.is_refused(None) == (rule.access != "public")
    if rule.access == "public":
        return
    if rule.access == "nobody":
        assert visit.is_refused(administrator())
        return
    stranger = with_permissions("stranger", ())
    if rule.access == "login":
        assert not visit.is_refused(stranger)
        return
    assert visit.is_refused(stranger)
    if rule.access == "administrator":
        assert visit.is_refused(with_everything_but("nearly"))
        assert not visit.is_refused(administrator())
        return
    for number, permission in enumerate(rule.permissions):
        lacking = with_everything_but(f"lacking-{number}", permission)
        assert visit.is_refused(lacking), f"{permission} is not needed"
    assert not visit.is_refused(with_permissions("exact", rule.permissions))


class TestTheTable:
    def test_has_a_rule_for_every_page_and_resource_and_no_other(self) -> None:
        registered = {
            route for route in http_routes("console.urls") if not route[1].startswith(_APP_LIST)
        }

        assert registered == {(method, pattern) for method, pattern, _ in TABLE}

    def test_has_a_rule_for_every_list_of_an_app(self) -> None:
        (pattern,) = {
            pattern for _, pattern in http_routes("console.urls") if pattern.startswith(_APP_LIST)
        }

        names = pattern.removeprefix(_APP_LIST).partition(")")[0]
        assert set(names.split("|")) == set(APP_LISTS)

    def test_has_a_rule_for_what_endpoints_reach(self) -> None:
        def addresses(urlconf: str) -> set[str]:
            return {pattern for _, pattern in http_routes(urlconf)}

        assert addresses("console.endpoints.public_urls") == {path for _, path in STATUS_PORT}
        assert addresses("console.endpoints.endpoint_urls") == {path for _, path in SESSIONS_PORT}

    def test_has_a_rule_for_every_socket(self) -> None:
        browsers = socket_routes(consumer_of("console.asgi.application"))
        endpoints = socket_routes(consumer_of("directconnect.asgi.application"))

        assert set(browsers) == set(BROWSER_SOCKETS)
        assert set(endpoints) == set(ENDPOINT_SOCKETS)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("method", "pattern", "rule"),
    TABLE,
    ids=[f"{method}-{pattern or 'home'}" for method, pattern, _ in TABLE],
)
def test_lets_in_exactly_whom_its_rule_names(method: str, pattern: str, rule: Rule) -> None:
    check(Visit(make_scene(), method, pattern, rule), rule)


@pytest.mark.django_db
@pytest.mark.parametrize("app_label", APP_LISTS)
def test_lists_an_app_to_exactly_whom_its_rule_names(app_label: str) -> None:
    rule = APP_LISTS[app_label]
    visit = Visit(make_scene(), "GET", f"{app_label}/", rule)

    assert visit.is_refused(None)
    assert visit.is_refused(with_permissions("stranger", ()))
    user = administrator() if rule.permissions == () else with_permissions("ada", rule.permissions)
    assert not visit.is_refused(user)


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
