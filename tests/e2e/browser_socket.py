"""A browser's WebSocket without a browser, so that nothing but the console keeps it alive."""

from __future__ import annotations

import http.client
import json
import re
import ssl
import time
from typing import Any
from urllib.parse import urlencode

from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin

from tests.e2e.console import PASSWORD, Console
from tests.e2e.peers import client_context

PORT = 8443


class LiveTopic:
    """A logged-in page's socket for one live topic; it never sends anything."""

    def __init__(self, console: Console, topic: str) -> None:
        self._console = console
        self._context = client_context(console)
        self._topic = topic

    def __enter__(self) -> LiveTopic:
        cookie = self._log_in()
        self._socket: ClientConnection = connect(
            f"{self._console.url.replace('https', 'wss')}/ws/live/{self._topic}/",
            sock=self._console.host.connect("127.0.0.1", PORT),
            ssl=self._context,
            origin=Origin(self._console.url),
            additional_headers={"Cookie": cookie},
            ping_interval=None,
            proxy=None,
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def silence_lasts(self, seconds: float) -> bool:
        """Wait; tell whether nothing but signs of life came, and the socket still stands."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            try:
                message = json.loads(self._socket.recv(timeout=left))
            except TimeoutError:
                return True
            if message["type"] != "alive":
                return False
        return True

    def next_message(self, *, within: float) -> dict[str, Any]:
        """Return the next message that is more than a sign of life."""
        end = time.monotonic() + within
        while True:
            message = json.loads(self._socket.recv(timeout=end - time.monotonic()))
            if message["type"] != "alive":
                return dict(message)

    def _log_in(self) -> str:
        """Log in as a browser does; return the cookies."""
        asked = self._request("GET", "/login/", {})
        form = {
            "username": "admin",
            "password": PASSWORD,
            "next": "/",
            "csrfmiddlewaretoken": _value_of(asked.read().decode()),
        }
        headers = {
            "Content-Type": "application/x-www-form-urlencoded",
            "Cookie": _cookies_of(asked),
            "Referer": f"{self._console.url}/login/",
        }
        answer = self._request("POST", "/login/", headers, urlencode(form))
        assert answer.status == 302, answer.read()
        return _cookies_of(answer)

    def _request(
        self, method: str, path: str, headers: dict[str, str], body: str | None = None
    ) -> http.client.HTTPResponse:
        connection = http.client.HTTPSConnection("localhost", PORT)
        connection.sock = self._wrapped()
        connection.request(method, path, body, headers)
        return connection.getresponse()

    def _wrapped(self) -> ssl.SSLSocket:
        plain = self._console.host.connect("127.0.0.1", PORT)
        return self._context.wrap_socket(plain, server_hostname="localhost")


def _value_of(page: str) -> str:
    match = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
    assert match, "the login page has no form"
    return match[1]


def _cookies_of(answer: http.client.HTTPResponse) -> str:
    cookies = answer.headers.get_all("Set-Cookie", [])
    return "; ".join(cookie.partition(";")[0] for cookie in cookies)
