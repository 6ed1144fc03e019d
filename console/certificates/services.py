"""Enrolment tokens: permission for some computers to join. Each change has its audit row."""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from django.db import transaction
from django.db.models import F

from console.audit.services import record_audit_event
from console.certificates.exceptions import EnrolmentTokenRefused
from console.certificates.models import EnrolmentToken
from console.core.actor import Actor
from console.core.exceptions import Conflict, InvalidInput

TOKEN_BYTES: Final = 32
USES_AT_MOST: Final = 100_000
LIFE_AT_MOST: Final = timedelta(days=366)


class CreatedToken(NamedTuple):
    """A new enrolment token. `plain` is shown once: only its digest is kept."""

    row: EnrolmentToken
    plain: str


@transaction.atomic(durable=True)
def create_enrolment_token(
    *, name: str, uses: int, expires_at: datetime, actor: Actor, now: datetime
) -> CreatedToken:
    """Let `uses` computers join until `expires_at`. Raises `InvalidInput`, field by field."""
    errors: dict[str, list[str]] = {}
    if not name.strip() or len(name) > 128:
        errors["name"] = ["Give a name of 1 to 128 characters."]
    if not 1 <= uses <= USES_AT_MOST:
        errors["uses_allowed"] = [f"Between 1 and {USES_AT_MOST:,} computers may join."]
    if not now < expires_at <= now + LIFE_AT_MOST:
        errors["expires_at"] = [f"Choose an instant within {LIFE_AT_MOST.days} days from now."]
    if errors:
        raise InvalidInput("The enrolment token was not created.", errors=errors)
    # Hexadecimal: a token that begins with a hyphen would be taken for an option.
    plain = secrets.token_hex(TOKEN_BYTES)
    row = EnrolmentToken.objects.create(
        name=name.strip(),
        digest=_digest(plain),
        uses_allowed=uses,
        uses_left=uses,
        expires_at=expires_at,
        created_at=now,
        created_by_name=actor.name,
    )
    record_audit_event(
        actor=actor,
        action="enrolment_token.create",
        subject=row,
        detail={"uses": uses, "expires_at": expires_at.isoformat()},
        now=now,
    )
    return CreatedToken(row, plain)


@transaction.atomic(durable=True)
def revoke_enrolment_token(token: EnrolmentToken, *, actor: Actor, now: datetime) -> None:
    """Let nobody join with this token any more. Raises `Conflict` when it was revoked before."""
    if not EnrolmentToken.objects.filter(pk=token.pk, revoked_at=None).update(revoked_at=now):
        raise Conflict("The enrolment token was revoked before.")
    record_audit_event(actor=actor, action="enrolment_token.revoke", subject=token, now=now)


def check_enrolment_token(plain: str, *, now: datetime) -> EnrolmentToken:
    """Return the token that this text is, without using it up.

    Raises `EnrolmentTokenRefused` with the reason: whoever holds 256 random bits may know it.
    """
    # Rows are found by the digest of 256 random bits: how long the look-up takes tells a guesser
    # nothing about the token itself.
    token = EnrolmentToken.objects.filter(digest=_digest(plain)).first()
    if token is None:
        raise EnrolmentTokenRefused("This enrolment token is not known here.")
    if token.revoked_at is not None:
        raise EnrolmentTokenRefused("This enrolment token was revoked.")
    if token.expires_at <= now:
        raise EnrolmentTokenRefused("This enrolment token has expired.")
    if token.uses_left < 1:
        raise EnrolmentTokenRefused("This enrolment token is used up.")
    return token


def claim_enrolment_token(plain: str, *, now: datetime) -> EnrolmentToken:
    """Use the token once; call it inside the transaction of the enrolment.

    Raises `EnrolmentTokenRefused` as `check_enrolment_token` does.
    """
    token = check_enrolment_token(plain, now=now)
    claimed = EnrolmentToken.objects.filter(
        pk=token.pk, uses_left__gte=1, revoked_at=None, expires_at__gt=now
    ).update(uses_left=F("uses_left") - 1, last_used_at=now)
    if not claimed:
        # Another computer was faster by a moment.
        raise EnrolmentTokenRefused("This enrolment token is used up.")
    return token


def _digest(plain: str) -> str:
    return hashlib.sha256(plain.encode("utf-8", "surrogatepass")).hexdigest()
