"""Make this computer an endpoint of one console, and keep its certificate fresh.

The connection is pinned to the CA before the token is sent, so that nobody between the endpoint
and the console can collect it. An identity is written only when everything in the answer fits.
"""

from __future__ import annotations

import hmac
import ssl
from base64 import b64decode
from dataclasses import dataclass
from typing import TypeVar
from uuid import UUID

import msgspec

from agent import __version__
from agent.addresses import Address, read_address
from agent.console_requests import Answer, get, post_json, refusal_of
from agent.directories import Directories
from agent.durable_file import write_durably
from agent.exceptions import (
    AlreadyEnrolled,
    CertificateUnacceptable,
    ConsoleUnreachable,
    EnrolmentRefused,
)
from agent.identity import (
    Enrolment,
    SigningKey,
    is_enrolled,
    read_enrolment,
    write_enrolment,
)
from agent.key_pair import KeyPair, Validity
from agent.machine import describe_machine
from agent.tls import fingerprint_of, mutual_context, pinned_context
from protocol.messages import Platform

ENROLMENT_PORT = 17443
CREATED = 201
OK = 200
ED25519_KEY_BYTES = 32

T = TypeVar("T")


class _Request(msgspec.Struct):
    token: str
    csr: str
    platform: Platform
    agent_version: str


class _OfferedKey(msgspec.Struct):
    key_id: str
    public_key: str


class _Accepted(msgspec.Struct):
    """What the console answers to enrolment."""

    endpoint_id: UUID
    certificate: str
    ca: str
    gateway: str
    sessions: str
    signing_keys: list[_OfferedKey]


class _Renewed(msgspec.Struct):
    """What the console answers to renewal."""

    certificate: str


@dataclass(frozen=True)
class TrustAnchor:
    """What the administrator knows of the console's CA: the certificate or its fingerprint."""

    authority_pem: str = ""
    fingerprint: str = ""

    def authority(self, address: Address) -> str:
        """Return the CA's certificate, fetched by its fingerprint when only that is known.

        Nothing secret is sent before the fingerprint was right. Raises `CertificateUnacceptable`
        or `ConsoleUnreachable`.
        """
        if self.authority_pem:
            fingerprint_of(self.authority_pem)
            return self.authority_pem
        wanted = self.fingerprint.lower().removeprefix("sha256:").replace(":", "")
        answer = get(address, "/ca.pem", _blind_context())
        if answer.status != OK:
            raise ConsoleUnreachable(f"{address} does not offer its CA: give --ca instead.")
        offered = answer.body.decode("ascii", "replace")
        if not hmac.compare_digest(fingerprint_of(offered), wanted):
            raise CertificateUnacceptable(
                f"The CA that {address} offers has another fingerprint: {fingerprint_of(offered)}."
            )
        return offered


def enrol(
    directories: Directories,
    *,
    console: str,
    anchor: TrustAnchor,
    token: str,
    replace: bool = False,
) -> Enrolment:
    """Enrol this computer and write its identity.

    Raises `AlreadyEnrolled` unless `replace`, `EnrolmentRefused` with the console's reason,
    `ConsoleUnreachable`, or `CertificateUnacceptable`; then nothing was changed.
    """
    if is_enrolled(directories) and not replace:
        raise AlreadyEnrolled(
            f"This endpoint is enrolled already ({directories.enrolment_file}): "
            "give --force to replace its identity."
        )
    address = _address_of(console, default_port=ENROLMENT_PORT)
    authority_pem = anchor.authority(address)
    keys = KeyPair()
    machine = describe_machine()
    request = _Request(token, keys.signing_request(machine.host_name), machine, __version__)
    answer = post_json(address, "/enrol", request, pinned_context(authority_pem))
    if answer.status != CREATED:
        raise refusal_of(answer)
    accepted = _decoded(answer, _Accepted)
    if fingerprint_of(accepted.ca) != fingerprint_of(authority_pem):
        raise CertificateUnacceptable("The console names another CA than the pinned one.")
    validity = keys.check(
        accepted.certificate, authority_pem=authority_pem, endpoint_id=accepted.endpoint_id
    )
    enrolment = _enrolment_from(accepted, address, validity)
    directories.create()
    # A home that changes hands must not carry one console's rules and sequences to another.
    directories.sequence_file.unlink(missing_ok=True)
    directories.intel_file.unlink(missing_ok=True)
    write_durably(directories.authority_file, authority_pem.encode("ascii"))
    write_durably(directories.identity_file, keys.identity_with(accepted.certificate))
    write_enrolment(directories, enrolment)
    return enrolment


def renew_certificate(directories: Directories, address: Address | None = None) -> Enrolment:
    """Get a certificate for a new key, with the present one as proof.

    Raises `EnrolmentRefused`, `ConsoleUnreachable`, `CertificateUnacceptable` or `NotEnrolled`;
    the present identity then still stands.
    """
    enrolment = read_enrolment(directories)
    context = mutual_context(
        authority_file=directories.authority_file, identity_file=directories.identity_file
    )
    keys = KeyPair()
    request = {"csr": keys.signing_request(describe_machine().host_name)}
    target = address or enrolment.sessions_address
    answer = post_json(target, "/certificate/renew", request, context)
    if answer.status not in (OK, CREATED):
        raise refusal_of(answer)
    renewed = _decoded(answer, _Renewed)
    validity = keys.check(
        renewed.certificate,
        authority_pem=directories.authority_file.read_text(encoding="ascii"),
        endpoint_id=enrolment.endpoint_id,
    )
    write_durably(directories.identity_file, keys.identity_with(renewed.certificate))
    # Should the agent die between these two writes, it only renews once more.
    changed = msgspec.structs.replace(
        enrolment,
        certificate_from_at=validity.from_at,
        certificate_until_at=validity.until_at,
        renew_at=validity.renew_at,
    )
    write_enrolment(directories, changed)
    return changed


def _enrolment_from(accepted: _Accepted, address: Address, validity: Validity) -> Enrolment:
    return Enrolment(
        endpoint_id=accepted.endpoint_id,
        enrolment_address=str(address),
        gateway=str(_address_of(accepted.gateway)),
        sessions=str(_address_of(accepted.sessions)),
        signing_keys=[_signing_key(offered) for offered in accepted.signing_keys],
        certificate_from_at=validity.from_at,
        certificate_until_at=validity.until_at,
        renew_at=validity.renew_at,
    )


def _signing_key(offered: _OfferedKey) -> SigningKey:
    try:
        public_key = b64decode(offered.public_key, validate=True)
    except ValueError as error:
        raise EnrolmentRefused("The console sent an unreadable signing key.") from error
    if len(public_key) != ED25519_KEY_BYTES:
        raise EnrolmentRefused("The console sent a signing key that is not Ed25519.")
    return SigningKey(offered.key_id, public_key)


def _decoded(answer: Answer, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(answer.body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ConsoleUnreachable(
            "What answers does not speak like a Vedette console: is the address right?"
        ) from error


def _address_of(text: str, *, default_port: int | None = None) -> Address:
    try:
        return read_address(text, default_port=default_port)
    except ValueError as error:
        raise ConsoleUnreachable(f"{error}.") from error


def _blind_context() -> ssl.SSLContext:
    """Trust anybody: only to fetch a certificate that is then compared with a fingerprint."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
