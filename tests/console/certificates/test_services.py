from __future__ import annotations

import hashlib
from datetime import timedelta

import pytest

from console.audit.models import AuditEvent
from console.certificates.exceptions import EnrolmentTokenRefused
from console.certificates.models import EnrolmentToken
from console.certificates.services import (
    LIFE_AT_MOST,
    USES_AT_MOST,
    check_enrolment_token,
    claim_enrolment_token,
    create_enrolment_token,
    revoke_enrolment_token,
)
from console.core.exceptions import Conflict, InvalidInput
from tests.console.computers import ADMINISTRATOR, NOW, enrolment_token

pytestmark = pytest.mark.django_db


class TestEnrolmentTokens:
    def test_are_stored_as_their_digest_only(self) -> None:
        row, plain = create_enrolment_token(
            name="office",
            uses=2,
            expires_at=NOW + timedelta(days=1),
            actor=ADMINISTRATOR,
            now=NOW,
        )

        assert row.digest == hashlib.sha256(plain.encode()).hexdigest()
        stored = EnrolmentToken.objects.filter(pk=row.pk).values().get()
        assert plain not in str(stored)
        assert plain not in str(list(AuditEvent.objects.values()))
        assert len(plain) >= 43

    def test_come_with_an_audit_event(self) -> None:
        enrolment_token()

        event = AuditEvent.objects.get(action="enrolment_token.create")
        assert (event.actor_name, event.source_address) == ("ada", "192.0.2.7")

    @pytest.mark.parametrize(
        ("field", "changes"),
        [
            ("name", {"name": "  "}),
            ("name", {"name": "x" * 129}),
            ("uses_allowed", {"uses": 0}),
            ("uses_allowed", {"uses": USES_AT_MOST + 1}),
            ("expires_at", {"expires_at": NOW}),
            ("expires_at", {"expires_at": NOW + LIFE_AT_MOST + timedelta(seconds=1)}),
        ],
    )
    def test_name_the_field_that_is_wrong(self, field: str, changes: dict[str, object]) -> None:
        wish = {"name": "office", "uses": 1, "expires_at": NOW + timedelta(days=1), **changes}

        with pytest.raises(InvalidInput) as refusal:
            create_enrolment_token(**wish, actor=ADMINISTRATOR, now=NOW)  # type: ignore[arg-type] # one of them is wrong on purpose

        assert list(refusal.value.errors) == [field]

    def test_are_used_up_one_by_one(self) -> None:
        plain = enrolment_token(uses=2)

        claim_enrolment_token(plain, now=NOW)
        claim_enrolment_token(plain, now=NOW)

        with pytest.raises(EnrolmentTokenRefused, match="used up"):
            claim_enrolment_token(plain, now=NOW)
        assert EnrolmentToken.objects.get().uses_left == 0

    def test_are_not_used_up_by_being_checked(self) -> None:
        plain = enrolment_token()

        check_enrolment_token(plain, now=NOW)

        assert EnrolmentToken.objects.get().uses_left == 1

    @pytest.mark.parametrize("plain", ["", "wrong", "../../etc/passwd", "\ud800", "x" * 100_000])
    def test_that_nobody_created_are_refused(self, plain: str) -> None:
        enrolment_token()

        with pytest.raises(EnrolmentTokenRefused, match="not known"):
            claim_enrolment_token(plain, now=NOW)

    def test_that_expired_are_refused_from_that_instant(self) -> None:
        plain = enrolment_token(life=timedelta(hours=1))

        claim_enrolment_token(plain, now=NOW + timedelta(minutes=59))
        with pytest.raises(EnrolmentTokenRefused, match="expired"):
            check_enrolment_token(plain, now=NOW + timedelta(hours=1))

    def test_that_were_revoked_are_refused(self) -> None:
        plain = enrolment_token()
        row = EnrolmentToken.objects.get()
        revoke_enrolment_token(row, actor=ADMINISTRATOR, now=NOW)

        with pytest.raises(EnrolmentTokenRefused, match="revoked"):
            claim_enrolment_token(plain, now=NOW)
        with pytest.raises(Conflict):
            revoke_enrolment_token(row, actor=ADMINISTRATOR, now=NOW)

    def test_digests_are_no_tokens(self) -> None:
        enrolment_token()

        with pytest.raises(EnrolmentTokenRefused, match="not known"):
            claim_enrolment_token(EnrolmentToken.objects.get().digest, now=NOW)
