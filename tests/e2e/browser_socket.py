"""A browser's WebSocket without a browser, so that nothing but the console keeps it alive."""

from __future__ import annotations

import http.client
import json
import re
import time
from contextlib import closing
from typing import Any
from urllib.parse import urlencode

from websockets.sync.client import connect
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
        self._opening = connect(
            f"{self._console.url.replace('https', 'wss')}/ws/live/{self._topic}/",
            sock=self._console.host.connect("127.0.0.1", PORT),
            ssl=self._context,
            origin=Origin(self._console.url),
            additional_headers={"Cookie": cookie},
            ping_interval=None,
            proxy=None,
        )
        self._socket = self._opening.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._opening.__exit__(None, None, None)

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
        page, cookies = self._request("GET", {})
        form = {
            "username": "admin",
            "password": PASSWORD,
            "next": "/",
            "csrfmiddlewaretoken": _value_of(page),
        }
        headers = {
            "Content-Type": "application/x-www-form-urlencoded",
            "Cookie": cookies,
            "Referer": f"{self._console.url}/login/",
        }
        return self._request("POST", headers, urlencode(form))[1]

    def _request(
        self, method: str, headers: dict[str, str], body: str | None = None
    ) -> tuple[str, str]:
        """Ask for the login page; return its text and the cookies that came with it."""
        plain = self._console.host.connect("127.0.0.1", PORT)
        connection = http.client.HTTPSConnection("localhost", PORT)
        connection.sock = self._context.wrap_socket(plain, server_hostname="localhost")
        with closing(connection):
            connection.request(method, "/login/", body, headers)
            answer = connection.getresponse()
            assert answer.status in (200, 302)
            return answer.read().decode(), _cookies_of(answer)


def _value_of(page: str) -> str:
    match = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
    assert match, "the login page has no form"
    return match[1]


def _cookies_of(answer: http.client.HTTPResponse) -> str:
    cookies = answer.headers.get_all("Set-Cookie", [])
    return "; ".join(cookie.partition(";")[0] for cookie in cookies)
