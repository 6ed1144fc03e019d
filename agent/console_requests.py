"""Ask the console over HTTPS: enrolment and certificate renewal.

What answers is not trusted until TLS has proved it; what it says is read with limits, and shown
to people only as one clean sentence.
"""

from __future__ import annotations

import http.client
import ssl
from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from agent.addresses import Address
from agent.exceptions import ConsoleUnreachable, EnrolmentRefused

TIMEOUT_SECONDS = 30.0
MAX_ANSWER_BYTES = 1024 * 1024
MAX_SHOWN_CHARACTERS = 300


@dataclass(frozen=True)
class Answer:
    """Status, media type and body of one HTTP answer."""

    status: int
    media_type: str
    body: bytes


class _Problem(msgspec.Struct):
    """Problem details for HTTP APIs (RFC 9457)."""

    title: str = ""
    detail: str = ""


def post_json(address: Address, path: str, body: object, context: ssl.SSLContext) -> Answer:
    """Send one JSON document. Raises `ConsoleUnreachable` with the reason."""
    headers = {"Content-Type": "application/json", "Accept": "application/json"}
    return _request(address, "POST", path, context, body=msgspec.json.encode(body), headers=headers)


def get(address: Address, path: str, context: ssl.SSLContext) -> Answer:
    """Fetch one document. Raises `ConsoleUnreachable` with the reason."""
    return _request(address, "GET", path, context, body=None, headers={})


def refusal_of(answer: Answer) -> EnrolmentRefused:
    """Turn an error answer into the refusal that people should read."""
    said = ""
    if answer.media_type in ("application/problem+json", "application/json"):
        try:
            problem = msgspec.json.decode(answer.body, type=_Problem)
            said = shown(problem.detail or problem.title)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            said = ""
    reason = said or f"it answered with HTTP status {answer.status} and no reason"
    return EnrolmentRefused(f"The console refused: {reason.rstrip('.')}.")


def shown(text: str) -> str:
    """Make text of a stranger fit for a terminal: printable, one line, short."""
    line = " ".join(text.split())
    clean = "".join(character if character.isprintable() else "?" for character in line)
    return clean if len(clean) <= MAX_SHOWN_CHARACTERS else clean[:MAX_SHOWN_CHARACTERS] + "…"


def _request(
    address: Address,
    method: str,
    path: str,
    context: ssl.SSLContext,
    *,
    body: bytes | None,
    headers: Mapping[str, str],
) -> Answer:
    connection = http.client.HTTPSConnection(
        address.host, address.port, timeout=TIMEOUT_SECONDS, context=context
    )
    try:
        connection.request(method, path, body=body, headers=dict(headers))
        response = connection.getresponse()
        content = response.read(MAX_ANSWER_BYTES + 1)
    except ssl.SSLCertVerificationError as error:
        raise ConsoleUnreachable(
            f"What answers at {address} is not the console: {shown(error.verify_message)}."
        ) from error
    except ssl.SSLError as error:
        reason = shown(error.reason or str(error)).lower().replace("_", " ")
        raise ConsoleUnreachable(f"No secure connection to {address}: {reason}.") from error
    except (OSError, http.client.HTTPException) as error:
        reason = shown(str(error)) or type(error).__name__
        raise ConsoleUnreachable(f"The console at {address} did not answer: {reason}.") from error
    finally:
        connection.close()
    if len(content) > MAX_ANSWER_BYTES:
        raise ConsoleUnreachable(f"What answers at {address} sends more than a console does.")
    return Answer(response.status, response.headers.get_content_type(), content)
