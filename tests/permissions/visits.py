"""One method at one address, tried by one person after the other."""

from __future__ import annotations

import json
import re
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

from asgiref.sync import async_to_sync
from django.test import Client
from rest_framework.test import APIClient

from console.access.models import User
from tests.permissions.registered import address_of
from tests.permissions.rule import Rule
from tests.permissions.scene import Scene, Things, client_of

REFUSED: Final = {401, 403, 404, 405}
# The login, and home for who asked for something that they cannot see.
SENT_AWAY_TO: Final = {"/login/", "/"}


class Visit:
    """What one rule speaks of. `things` replaces what the address and the body name."""

    def __init__(
        self, scene: Scene, method: str, pattern: str, rule: Rule, things: Things | None = None
    ) -> None:
        named = scene.things | (things or {})
        self.is_api = pattern.startswith("api/")
        self._method = method
        self._address = address_of(pattern, *(named[name] for name in rule.values))
        self._sends = scene.fill(rule.sends, things)

    def answer_to(self, client: Client | APIClient) -> Any:
        """Return what the console answers; a failure of its own is never an answer."""
        address = self._address
        options: dict[str, Any] = {"secure": True}
        if self._method != "GET":
            options["data"] = self._sends
        elif self._sends:
            address = f"{address}?{urlencode(self._sends)}"
        if self.is_api and self._method != "GET":
            options["format"] = "json"
        response = getattr(client, self._method.lower())(address, **options)
        assert response.status_code not in {500, 415}, response.status_code
        return response

    def is_refused(self, user: User | None) -> bool:
        """Tell whether this user, or nobody, is kept out."""
        return is_refusal(self.answer_to(client_of(user, api=self.is_api)))


def visit(
    client: Client | APIClient, method: str, pattern: str, sent: dict[str, Any], things: Things
) -> Any:
    """Return what a route of questions answers; pages take JSON there, as the API does."""
    called = {"question_id": "question", "pk": "question", "earlier_id": "earlier"}
    called |= {"row_id": "answer_row", "export_id": "export"}
    names = re.findall(r"<\w+:(\w+)>", pattern)
    address = address_of(pattern, *(things[called[name]] for name in names))
    if method == "GET":
        query = urlencode({name: _put(value, things) for name, value in sent.items()})
        return client.get(f"{address}?{query}", secure=True)
    body = {name: _put(value, things) for name, value in sent.items()}
    return client.generic(
        method, address, json.dumps(body), content_type="application/json", secure=True
    )


def _put(value: Any, things: Things) -> Any:
    if value == "$row":
        return int(things["row"])
    return things[value[1:]] if isinstance(value, str) and value.startswith("$") else value


def is_refusal(response: Any) -> bool:
    """Tell whether an answer keeps somebody out."""
    if response.status_code == 302:
        return urlsplit(response["Location"]).path in SENT_AWAY_TO
    return response.status_code in REFUSED


def content_of(response: Any) -> bytes:
    """Return the bytes of an answer, as often as asked; a stream is read and closed once."""
    if not getattr(response, "streaming", False):
        content: bytes = response.content
        return content
    if "read_content" not in vars(response):
        vars(response)["read_content"] = async_to_sync(_streamed)(response)
        # Not `close`: the end of an answer closes connections, and tests still need theirs.
        for close in response._resource_closers:
            close()
    read: bytes = vars(response)["read_content"]
    return read


async def _streamed(response: Any) -> bytes:
    return b"".join([part async for part in response])


def text_of(response: Any) -> str:
    """Return what an answer says, whatever its form."""
    return content_of(response).decode("utf-8", "replace")


def levelled(answer: Any, things: dict[str, str]) -> str:
    """Return what is said, without what differs from one request to the next."""
    text = f"{text_of(answer)} {answer.get('Location', '')}"
    for thing in sorted(things.values(), key=len, reverse=True):
        # Not the 8 of utf-8, when that is a number of ours.
        text = re.sub(rf"(?<![\w-]){re.escape(thing)}(?![\w-])", "it", text)
    return re.sub(r'(csrf\w+["\' ]+value=|nonce=|content=)["\'][^"\']+["\']', "", text)
