"""Make a POST safe to repeat: the same `Idempotency-Key` gets the same answer for a day.

A client that lost the answer sends the request again and learns what became of the first, instead
of doing it twice. Keys belong to a user. Only what was done is remembered: after a refusal nothing
has changed, and the same key may be used again. Answers can hold secrets that are shown once, so
they are stored encrypted.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from cryptography.fernet import Fernet, InvalidToken
from django.conf import settings
from django.core.cache import cache
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from console.core.exceptions import Conflict, InvalidInput, VedetteError

HEADER: Final = "Idempotency-Key"
KEY_LENGTH: Final = 255
REMEMBERED_FOR: Final = 24 * 3600

# A request that is under way for longer than this has died with its program.
_UNDER_WAY_FOR: Final = 120
_UNDER_WAY: Final = b"under way"


class KeyReused(VedetteError):
    """The key was used before for another request."""

    status = 422
    title = "Idempotency key reused"


class _Answer(msgspec.Struct):
    request_digest: str
    status: int
    content_type: str
    body: bytes
    location: str = ""


class StoredAnswer(Exception):
    """The request was carried out before; `response` is what was answered then."""

    def __init__(self, response: Response) -> None:
        super().__init__("answered before")
        self.response = response


@dataclass(frozen=True, slots=True)
class Claim:
    """The right of one request to carry out what its key stands for."""

    cache_key: str
    request_digest: str

    def settle(self, response: Any) -> None:
        """Remember a rendered answer that says that something was done; else give the key back."""
        if not status.is_success(response.status_code):
            self.give_back()
            return
        answer = _Answer(
            request_digest=self.request_digest,
            status=response.status_code,
            content_type=response.headers.get("Content-Type", ""),
            body=response.content,
            location=response.headers.get("Location", ""),
        )
        sealed = _fernet().encrypt(msgspec.msgpack.encode(answer))
        cache.set(self.cache_key, sealed, timeout=REMEMBERED_FOR)

    def give_back(self) -> None:
        """Let the key be used again."""
        cache.delete(self.cache_key)


def claim_key(request: Request) -> Claim | None:
    """Claim the request's key; None when it has none or is no POST.

    Raises `StoredAnswer` when it was carried out before, `Conflict` while another one with the
    same key is under way, `KeyReused` when the key belongs to a different request, and
    `InvalidInput` for a key that is empty or too long.
    """
    key = request.headers.get(HEADER)
    if request.method != "POST" or key is None:
        return None
    if not 1 <= len(key) <= KEY_LENGTH:
        raise InvalidInput(f"{HEADER} must have 1 to {KEY_LENGTH} characters.")
    claim = Claim(_cache_key(request, key), _request_digest(request))
    if cache.add(claim.cache_key, _UNDER_WAY, timeout=_UNDER_WAY_FOR):
        return claim
    stored = cache.get(claim.cache_key)
    if stored is None or stored == _UNDER_WAY:
        raise Conflict("A request with the same idempotency key is under way: ask again soon.")
    answer = _open(stored)
    if answer.request_digest != claim.request_digest:
        raise KeyReused("This idempotency key was used before for a different request.")
    raise StoredAnswer(_replay(answer))


def _cache_key(request: Request, key: str) -> str:
    digest = hashlib.sha256(f"{request.user.pk}\n{key}".encode("utf-8", "surrogatepass"))
    return f"idempotency:{digest.hexdigest()}"


def _request_digest(request: Request) -> str:
    # The body has been read by nobody yet: the parsers get it from here.
    content = b"POST" + b"\n" + request.get_full_path().encode() + b"\n"
    return hashlib.sha256(content + request._request.body).hexdigest()


def _replay(answer: _Answer) -> Response:
    content = msgspec.json.decode(answer.body) if answer.body else None
    headers = {"Idempotent-Replayed": "true"}
    if answer.location:
        headers["Location"] = answer.location
    return Response(content, status=answer.status, headers=headers)


def _open(sealed: bytes) -> _Answer:
    try:
        return msgspec.msgpack.decode(_fernet().decrypt(sealed), type=_Answer)
    except InvalidToken as error:
        # Another SECRET_KEY: nobody can tell any more what was answered.
        raise Conflict("This idempotency key was used before the console's key changed.") from error


def _fernet() -> Fernet:
    digest = hashlib.sha256(b"idempotency\x00" + settings.SECRET_KEY.encode()).digest()
    return Fernet(base64.urlsafe_b64encode(digest))
