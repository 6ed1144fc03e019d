"""One method at one address, tried by one person after the other."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import urlencode, urlsplit

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


def is_refusal(response: Any) -> bool:
    """Tell whether an answer keeps somebody out."""
    if response.status_code == 302:
        return urlsplit(response["Location"]).path in SENT_AWAY_TO
    return response.status_code in REFUSED


def text_of(response: Any) -> str:
    """Return what an answer says, whatever its form."""
    if getattr(response, "streaming", False):
        return b"".join(response.streaming_content).decode("utf-8", "replace")
    content: bytes = response.content
    return content.decode("utf-8", "replace")
