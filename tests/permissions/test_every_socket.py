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
from console.core import live_topics
from console.endpoints.public_asgi import endpoint_application, public_application
from console.questions.models import Question
from directconnect.models import Session
from tests.console.api_client import make_user
from tests.console.asgi_client import ask
from tests.console.computers import enrolment_token, prepare_console
from tests.console.roles import reach
from tests.live_console import LiveConsole, joined_computer, live_console
from tests.permissions.holders import holders_of_all_roles
from tests.permissions.registered import address_of
from tests.permissions.rule import ASKS, SEES_ALERTS, SEES_QUESTIONS
from tests.permissions.rules import BROWSER_SOCKETS, ENDPOINT_SOCKETS, SESSIONS_PORT, STATUS_PORT
from tests.permissions.scene import (
    administrator,
    make_scene,
    with_everything_but,
    with_permissions,
)
from tests.permissions.shared_question import make_shared_question


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
            if rule.either:
                people.append(await sync_to_async(with_everything_but)("neither", *rule.either))
            for user in people:
                assert await _is_refused(console, path, user)
            if rule.permissions or rule.either:
                for each in rule.either or ("",):
                    enough = (*rule.permissions, *([each] if each else []))
                    exact = await sync_to_async(with_permissions)(f"exact{each}", enough)
                    assert not await _is_refused(console, path, exact)
            else:
                assert await _is_refused(console, path, await sync_to_async(administrator)())

    @pytest.mark.parametrize("pattern", BROWSER_SOCKETS)
    async def test_of_browsers_let_in_the_roles_that_may_within_their_reach(
        self, pattern: str
    ) -> None:
        rule = BROWSER_SOCKETS[pattern]
        scene = await sync_to_async(make_scene)()
        near, far, missing = (
            address_of(pattern, *(things[name] for name in rule.values))
            for things in (scene.things, scene.things | scene.far, scene.things | scene.missing)
        )
        async with live_console() as console:
            for holder in await sync_to_async(holders_of_all_roles)(scene):
                await sync_to_async(Session.objects.update)(opened_by=holder.user)
                may = rule.access == "permission" and holder.may(rule)

                assert await _is_refused(console, near, holder.user) is not may, str(holder.role)
                if rule.values:
                    for path in (far, missing):
                        assert await _is_refused(console, path, holder.user), str(holder.role)

                await sync_to_async(reach)(holder.role)
                # Of topics nothing is heard then; see `TestNews`.
                still_may = may and not rule.values
                assert await _is_refused(console, near, holder.user) is not still_may

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


@pytest.mark.django_db
class TestNews:
    def test_of_alerts_tell_every_role_of_its_reach_only(self) -> None:
        scene = make_scene()
        ids = [scene.things["endpoint"], scene.far["endpoint"]]
        rows = [{"id": str(number), "endpoint": each} for number, each in enumerate(ids)]
        news = live_topics.News(count=7, rows=rows, counts={ids[0]: 3, ids[1]: 4})

        for holder in holders_of_all_roles(scene):
            heard = live_topics.news_for(holder.user, "alerts", news)

            expected = 3 if SEES_ALERTS in holder.permissions else 0
            assert heard.count == expected, str(holder.role)
            assert scene.far["endpoint"] not in str(heard.rows)

    def test_of_questions_tell_every_role_of_those_it_sees_whole_only(self) -> None:
        scene = make_scene()
        shared = make_shared_question(scene, make_user("somebody"))
        own = scene.things["question"]
        ids = [own, scene.far["question"], str(shared.question.pk)]
        news = live_topics.News(count=3, rows=[{"id": each} for each in ids])

        for holder in holders_of_all_roles(scene):
            shared.asked_by(holder.user)
            Question.objects.filter(pk=own).update(asked_by=holder.user)
            heard = live_topics.news_for(holder.user, "questions", news)

            sees = not holder.permissions.isdisjoint((ASKS, SEES_QUESTIONS))
            assert [row["id"] for row in heard.rows] == ([own] if sees else []), str(holder.role)
            assert heard.count == len(heard.rows)

    def test_of_every_topic_are_narrowed(self) -> None:
        assert live_topics._permissions.keys() == live_topics._narrowing.keys()


async def _is_refused(console: LiveConsole, path: str, user: User | None) -> bool:
    try:
        await console.browser(path, user)
    except InvalidStatus as refusal:
        return refusal.response.status_code == 403
    return False
