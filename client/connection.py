"""Requests to a console's API over verified TLS."""

from __future__ import annotations

import http
import http.client
import json
import ssl
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO, Final, TypeVar
from urllib.parse import urlencode, urlsplit

from client.exceptions import ConsoleRefused, ConsoleUnreachable, ConsoleUntrusted, WrongUsage
from client.trust import TIMEOUT

_PART: Final = 64 * 1024
_PORT: Final = 8443
_TRIES: Final = 3

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Address:
    """Where a console is."""

    host: str
    port: int

    def __str__(self) -> str:
        """Write it as a URL."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"https://{host}:{self.port}"


def read_address(text: str) -> Address:
    """Read `https://host:port`, `host:port` or `host`. Raises `WrongUsage`."""
    try:
        parts = urlsplit(text if "//" in text else f"https://{text}")
        port = parts.port
    except ValueError as error:
        raise WrongUsage(f"{text} is no address: {error}") from error
    if parts.scheme != "https" or not parts.hostname or parts.path.strip("/") or parts.query:
        raise WrongUsage(f"{text} is no address of a console: https://name:port")
    return Address(parts.hostname, port or _PORT)


class Console:
    """One console, as the user of a token sees it. Without one, only `log in` is possible."""

    def __init__(self, address: Address, context: ssl.SSLContext, token: str = "") -> None:
        self._address = address
        self._context = context
        self._token = token

    def get(self, path: str, **parameters: Any) -> Any:
        """Read something. `path` is below `/api/v1/`. Raises `ClientError`."""
        query = f"?{urlencode(parameters, doseq=True)}" if parameters else ""
        return self._again(lambda: self._json("GET", f"{path}{query}", None, {}))

    def post(self, path: str, body: Any = None) -> Any:
        """Do something, once: repeated when the answer was lost. Raises `ClientError`."""
        key = {"Idempotency-Key": str(uuid.uuid4())}
        return self._again(lambda: self._json("POST", path, body, key))

    def pages(self, path: str, **parameters: Any) -> Iterator[dict[str, Any]]:
        """Yield the results of all pages of a list. Raises `ClientError`."""
        page = self.get(path, **parameters)
        yield from page["results"]
        while page["next"]:
            page = self.get(self._own(page["next"]))
            yield from page["results"]

    def fetch(self, address: str, stream: BinaryIO) -> int:
        """Write a file of the console's to a stream; return its length. Raises `ClientError`."""
        written = 0
        connection = self._connection()
        try:
            response = self._send(connection, "GET", self._own(address), None, {})
            if response.status != http.HTTPStatus.OK:
                raise _refusal(response.status, response.read())
            while part := response.read(_PART):
                stream.write(part)
                written += len(part)
        except (http.client.HTTPException, OSError) as error:
            raise self._failure(error) from error
        finally:
            connection.close()
        return written

    def _again(self, request: Callable[[], Answer]) -> Answer:
        for left in reversed(range(_TRIES)):
            try:
                return request()
            except ConsoleUnreachable:
                if not left:
                    raise
        raise AssertionError

    def _json(self, method: str, path: str, body: Any, headers: Mapping[str, str]) -> Any:
        connection = self._connection()
        try:
            response = self._send(connection, method, path, body, headers)
            content = response.read()
        except (http.client.HTTPException, OSError) as error:
            raise self._failure(error) from error
        finally:
            connection.close()
        if not 200 <= response.status < 300:
            raise _refusal(response.status, content)
        try:
            return json.loads(content) if content else None
        except ValueError as error:
            raise ConsoleUnreachable(f"{self._address} does not answer as a console.") from error

    def _connection(self) -> http.client.HTTPSConnection:
        return http.client.HTTPSConnection(
            self._address.host, self._address.port, timeout=TIMEOUT, context=self._context
        )

    def _send(
        self,
        connection: http.client.HTTPSConnection,
        method: str,
        path: str,
        body: Any,
        headers: Mapping[str, str],
    ) -> http.client.HTTPResponse:
        sent = {"Accept": "application/json, */*;q=0.1", **headers}
        if self._token:
            sent["Authorization"] = f"Token {self._token}"
        content = None if body is None else json.dumps(body).encode()
        if content is not None:
            sent["Content-Type"] = "application/json"
        connection.request(method, f"/api/v1/{path}", body=content, headers=sent)
        return connection.getresponse()

    def _own(self, address: str) -> str:
        # The console writes whole addresses; behind a proxy they may name another host. The token
        # goes to this console only.
        parts = urlsplit(address)
        path = parts.path.partition("/api/v1/")[2]
        return f"{path}?{parts.query}" if parts.query else path

    def _failure(self, error: Exception) -> Exception:
        if isinstance(error, ssl.SSLCertVerificationError):
            return ConsoleUntrusted(
                f"The certificate of {self._address} is not trusted here "
                f"({error.verify_message}).\n"
                "Compare its fingerprint with `login`, or give the console's authority with --ca."
            )
        return ConsoleUnreachable(f"No console answers at {self._address}: {error}")


def _refusal(status: int, content: bytes) -> ConsoleRefused:
    try:
        problem = json.loads(content)
    except ValueError:
        problem = {}
    return ConsoleRefused(status, problem if isinstance(problem, dict) else {})
