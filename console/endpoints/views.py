"""What endpoints fetch and send over HTTPS, outside their always-on channel.

The public views (port 17443) take no client certificate: the token is what proves anything. The
renewal (port 17475) takes the client certificate as the only proof.
"""

from __future__ import annotations

import functools
import http
from base64 import b64encode
from collections.abc import Callable
from typing import Any, Final, TypeVar

import msgspec
from django.conf import settings
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_POST

from console.certificates import tls
from console.certificates.authority import authority_pem
from console.certificates.exceptions import CertificateRefused
from console.certificates.services import check_enrolment_token
from console.certificates.signing import trusted_signing_keys
from console.core.actor import Actor
from console.core.downloads import send_file
from console.core.exceptions import InvalidInput, VedetteError
from console.core.problems import problem_response, refusal_response
from console.core.rates import Rate
from console.core.requests import network_of, source_address_of
from console.endpoints.addresses import address, name_reached_by
from console.endpoints.bundle import build_bundle
from console.endpoints.models import Endpoint
from console.endpoints.services import (
    EnrolmentRequest,
    enrol_endpoint,
    hand_out_installer,
    renew_certificate,
)
from protocol.messages import Platform

View = Callable[[HttpRequest], HttpResponseBase]
Body = TypeVar("Body")

# Only refusals count: a thousand computers behind one address may join at once, each use of a
# token is counted anyway, and guessing 256 bits is hopeless. This keeps the audit log readable.
REFUSED_TOKENS: Final = Rate("refused-enrolment-tokens", allowed=20, seconds=60)
RENEWALS: Final = Rate("renewals", allowed=10, seconds=3600)


class _EnrolmentBody(msgspec.Struct):
    token: str
    csr: str
    platform: Platform
    agent_version: str


class _RenewalBody(msgspec.Struct):
    csr: str


_enrolment_decoder: Final = msgspec.json.Decoder(_EnrolmentBody)
_renewal_decoder: Final = msgspec.json.Decoder(_RenewalBody)


def refusals_as_problems(view: View) -> View:
    """Answer with a problem document when the view raises a refusal."""

    @functools.wraps(view)
    def answer(request: HttpRequest) -> HttpResponseBase:
        try:
            return view(request)
        except VedetteError as refusal:
            return refusal_response(refusal)

    return answer


def limit_refusals(view: View) -> View:
    """Count the problems that this view answers to one network, and stop listening to a flood."""

    @functools.wraps(view)
    def answer(request: HttpRequest) -> HttpResponseBase:
        now = timezone.now()
        network = network_of(source_address_of(request))
        if REFUSED_TOKENS.counted(network, now=now) >= REFUSED_TOKENS.allowed:
            return _too_many(REFUSED_TOKENS)
        response = view(request)
        if response.status_code >= http.HTTPStatus.BAD_REQUEST:
            REFUSED_TOKENS.count(network, now=now)
        return response

    return answer


@require_GET
def status(_request: HttpRequest) -> HttpResponse:
    """Tell whoever checks the network that a console answers here, and nothing else about it."""
    return JsonResponse({"service": "vedette", "status": "ok"})


@require_GET
@refusals_as_problems
def authority_certificate(_request: HttpRequest) -> HttpResponse:
    """Give the authority's certificate; whoever fetches it compares its fingerprint."""
    return HttpResponse(authority_pem(), content_type="application/x-pem-file")


@csrf_exempt
@require_POST
@limit_refusals
@refusals_as_problems
def enrol(request: HttpRequest) -> HttpResponse:
    """Let a computer with a token and a signing request join: 201 with its certificate."""
    body = _decoded(_enrolment_decoder, request.body)
    endpoint = enrol_endpoint(
        EnrolmentRequest(
            token=body.token,
            csr_pem=body.csr.encode(),
            platform=body.platform,
            agent_version=body.agent_version,
        ),
        source_address=source_address_of(request),
        now=timezone.now(),
    )
    answer = _enrolment_answer(endpoint, name=name_reached_by(request))
    return JsonResponse(answer, status=http.HTTPStatus.CREATED)


@require_GET
@limit_refusals
@refusals_as_problems
def install(request: HttpRequest) -> HttpResponse:
    """Give whoever holds a token the installer, which carries the token and the authority."""
    script = hand_out_installer(
        _bearer_token(request),
        name=name_reached_by(request),
        actor=Actor("anonymous", source_address=source_address_of(request)),
        now=timezone.now(),
    )
    return HttpResponse(script, content_type="text/x-shellscript")


@require_GET
@limit_refusals
@refusals_as_problems
def bundle(request: HttpRequest) -> HttpResponseBase:
    """Give whoever holds a token the agent with everything it needs, as tar.gz."""
    check_enrolment_token(_bearer_token(request), now=timezone.now())
    made = build_bundle()
    return send_file(request, made.path, content_type="application/gzip", tag=made.sha256)


@csrf_exempt
@require_POST
@refusals_as_problems
def renew(request: HttpRequest) -> HttpResponse:
    """Give an endpoint a certificate for a new key, with the present one as proof."""
    now = timezone.now()
    presented = _client_certificate(request)
    if RENEWALS.count(tls.fingerprint_of(presented), now=now) > RENEWALS.allowed:
        return _too_many(RENEWALS)
    renewed = renew_certificate(
        presented,
        _decoded(_renewal_decoder, request.body).csr.encode(),
        source_address=source_address_of(request),
        now=now,
    )
    answer = {"certificate": renewed.certificate, "ca": authority_pem()}
    return JsonResponse(answer, status=http.HTTPStatus.CREATED)


def _enrolment_answer(endpoint: Endpoint, *, name: str) -> dict[str, Any]:
    return {
        "endpoint_id": str(endpoint.pk),
        "certificate": endpoint.certificate.certificate,
        "ca": authority_pem(),
        "gateway": address(name, settings.VEDETTE_GATEWAY_PORT),
        "sessions": address(name, settings.VEDETTE_SESSIONS_PORT),
        "signing_keys": [
            {"key_id": key.key_id, "public_key": b64encode(bytes(key.public_key)).decode()}
            for key in trusted_signing_keys()
        ],
    }


def _decoded(decoder: msgspec.json.Decoder[Body], body: bytes) -> Body:
    try:
        return decoder.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidInput(f"The request cannot be read: {error}.") from error


def _bearer_token(request: HttpRequest) -> str:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def _client_certificate(request: HttpRequest) -> bytes:
    scope = request.scope if isinstance(request, ASGIRequest) else {}
    presented = scope.get("extensions", {}).get("tls", {}).get("client_cert_der")
    if not isinstance(presented, bytes):
        raise CertificateRefused("This needs the endpoint's client certificate.")
    return presented


def _too_many(rate: Rate) -> HttpResponse:
    seconds = rate.retry_after(now=timezone.now())
    return problem_response(
        http.HTTPStatus.TOO_MANY_REQUESTS,
        f"Too many requests: come again in {seconds} seconds.",
        headers={"Retry-After": str(seconds)},
    )
