"""Browsers of people on a scene of questions."""

from __future__ import annotations

import json
import mimetypes
from typing import Any
from urllib.parse import unquote, urlsplit

from django.contrib.staticfiles import finders
from django.test import Client
from playwright.async_api import Route

from console.access.models import User
from console.endpoints.models import ComputerGroup
from console.questions.answers import record_answers
from console.questions.models import Question
from tests.console.questions import scene

BACKEND = "django.contrib.auth.backends.ModelBackend"


def staff(user: User) -> User:
    user.is_staff = True
    user.save()
    return user


def browser_of(user: User) -> Client:
    client = Client()
    client.force_login(user, BACKEND)
    return client


def all_computers() -> ComputerGroup:
    return ComputerGroup.objects.get(kind=ComputerGroup.Kind.ALL)


def get(client: Client, address: str) -> Any:
    return client.get(address, secure=True)


def post(client: Client, address: str, body: Any = None) -> Any:
    """Post JSON as the scripts do."""
    content = "" if body is None else json.dumps(body)
    return client.post(address, content, content_type="application/json", secure=True)


async def static_file(route: Route) -> None:
    """Give a browser what `collectstatic` would have collected."""
    path = finders.find(unquote(urlsplit(route.request.url).path).removeprefix("/static/"))
    assert isinstance(path, str), route.request.url
    content_type, _ = mimetypes.guess_type(path)
    await route.fulfill(path=path, content_type=content_type or "text/plain")


def answered_question(user: User, count: int = 3) -> Question:
    """Ask some endpoints; all but the last answer, two of them alike."""
    ids = scene.endpoints(count)
    question = scene.asked(user)
    rows = [("web", "10.0.0.1"), ("web", "10.0.0.1"), ("db", "10.0.0.9")]
    record_answers(
        [
            scene.answer(question, each, [rows[number]])
            for number, each in enumerate(ids[: count - 1])
        ]
    )
    return Question.objects.get(pk=question.pk)
