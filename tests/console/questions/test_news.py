"""Whoever may ask hears at once of what they asked, and of nothing that they see only a part of."""

from __future__ import annotations

import asyncio

import pytest
import redis
from asgiref.sync import sync_to_async

from console.access.models import User
from console.core import live_topics
from console.questions.answers import record_answers
from console.questions.models import Question
from tests.console.computers import prepare_console
from tests.console.pages import text_of
from tests.console.questions import scene
from tests.console.questions.browsing import browser_of, get, staff
from tests.live_console import hear, live_console

ASK = "questions.ask_question"
SETS = ("Base", "Reserved")


def _asked() -> tuple[User, Question, Question]:
    """Somebody who may ask in one group and see nothing else; what they and others asked."""
    prepare_console()
    inside = scene.group_named("Inside")
    scene.endpoints(1, group=inside)
    scene.endpoints(1)
    asker = scene.person("ben", permissions=[ASK], groups=[inside], content_sets=SETS)
    User.objects.filter(pk=asker.pk).update(is_staff=True)
    return asker, scene.asked(asker), scene.asked(scene.administrator())


def _answer(question: Question) -> None:
    for target in question.targets.all():
        record_answers([scene.answer(question, target.endpoint_id, [("web", "10.0.0.1")])])


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
class TestSocket:
    async def test_tells_who_may_ask_of_their_own_question(self, valkey: redis.Redis) -> None:
        valkey.flushdb()
        live_topics._redis.cache_clear()
        asker, own, other = await sync_to_async(_asked)()
        async with live_console() as console:
            page = await console.browser("/ws/live/questions/", asker)

            await sync_to_async(_answer)(other)
            await asyncio.sleep(2 * live_topics.READ_DELAY)
            await sync_to_async(_answer)(own)

            news = await hear(page, "news")
            assert [row["id"] for row in news["rows"]] == [str(own.pk)]
            assert news["count"] == 1


@pytest.mark.django_db
class TestPage:
    def test_listens_where_there_are_news(self, valkey: redis.Redis) -> None:
        valkey.flushdb()
        scene.prepare()
        inside = scene.group_named("Inside")
        scene.endpoints(1, group=inside)
        scene.endpoints(1)
        asker = staff(scene.person("ben", permissions=[ASK], groups=[inside], content_sets=SETS))
        viewer = staff(scene.person("eva", groups=[inside], content_sets=SETS))
        own, other = scene.asked(asker), scene.asked(scene.administrator())

        mine = text_of(get(browser_of(asker), f"/questions/{own.pk}/"))
        part = text_of(get(browser_of(viewer), f"/questions/{other.pk}/"))

        assert '"listens": true' in mine
        assert '"listens": false' in part
