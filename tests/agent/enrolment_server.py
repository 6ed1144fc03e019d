"""A small HTTPS server that answers what a test wants."""

from __future__ import annotations

import json
import ssl
import threading
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from uuid import UUID, uuid4

from tests.agent.authority import Authority

Reply = tuple[int, str, bytes]
Answerer = Callable[[str, dict[str, Any]], Reply]


@dataclass
class EnrolmentServer:
    """What the console would be: it has a CA, one endpoint and answers."""

    authority: Authority
    endpoint_id: UUID = field(default_factory=uuid4)
    port: int = 0
    requests: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    answer: Answerer | None = None
    days: float = 9
    gateway: str = "127.0.0.1:17472"
    sessions: str = "127.0.0.1:17475"
    signing_key: bytes = bytes(32)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def reply(self, path: str, body: dict[str, Any]) -> Reply:
        self.requests.append((path, body))
        if self.answer is not None:
            return self.answer(path, body)
        if path == "/ca.pem":
            return 200, "application/x-pem-file", self.authority.pem.encode()
        certificate = self.authority.endpoint_certificate(
            body["csr"], self.endpoint_id, days=self.days
        )
        if path == "/certificate/renew":
            return 200, "application/json", json.dumps({"certificate": certificate}).encode()
        return 201, "application/json", json.dumps(self.accepted(certificate)).encode()

    def accepted(self, certificate: str) -> dict[str, Any]:
        return {
            "endpoint_id": str(self.endpoint_id),
            "certificate": certificate,
            "ca": self.authority.pem,
            "gateway": self.gateway,
            "sessions": self.sessions,
            "signing_keys": [{"key_id": "k1", "public_key": b64encode(self.signing_key).decode()}],
        }


def problem(status: int, detail: str) -> Answerer:
    body = json.dumps({"type": "about:blank", "title": "Refused", "detail": detail})
    return lambda _path, _body: (status, "application/problem+json", body.encode())


@contextmanager
def serving(server: EnrolmentServer, context: ssl.SSLContext) -> Iterator[EnrolmentServer]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers["Content-Length"])
            self._send(server.reply(self.path, json.loads(self.rfile.read(length))))

        def do_GET(self) -> None:
            self._send(server.reply(self.path, {}))

        def _send(self, reply: Reply) -> None:
            status, media_type, body = reply
            self.send_response(status)
            self.send_header("Content-Type", media_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    class Quiet(ThreadingHTTPServer):
        def handle_error(self, request: object, client_address: object) -> None:
            """Refused handshakes are what the tests are about."""

    listening = Quiet(("127.0.0.1", 0), Handler)
    listening.socket = context.wrap_socket(listening.socket, server_side=True)
    server.port = listening.server_address[1]
    thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        listening.shutdown()
        thread.join()
        listening.server_close()
