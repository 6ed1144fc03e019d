from __future__ import annotations

import pytest
from django.db import transaction
from django.db.models import Model

from console.audit.chain import digest_of, verify_chain
from console.audit.exceptions import AuditIsAppendOnly, AuditNeedsTransaction
from console.audit.models import AuditChain, AuditEvent
from console.audit.services import REFUSED, record_audit_event
from console.core.actor import Actor
from tests.console.computers import ADMINISTRATOR, NOW

pytestmark = pytest.mark.django_db


def _record(action: str = "endpoint.revoke", **values: object) -> AuditEvent:
    return record_audit_event(actor=ADMINISTRATOR, action=action, now=NOW, **values)  # type: ignore[arg-type] # each test its own


class TestRecording:
    def test_says_who_did_what_from_where(self) -> None:
        event = _record(subject_type="endpoint", subject_id="7", detail={"reason": "stolen"})

        event.refresh_from_db()
        assert (event.actor_name, event.source_address) == ("ada", "192.0.2.7")
        assert (event.action, event.outcome) == ("endpoint.revoke", "SUCCEEDED")
        assert event.detail == {"reason": "stolen"}

    def test_takes_type_id_and_name_from_a_row(self) -> None:
        row: Model = AuditChain(pk=1, sequence=3, digest="d")

        event = _record(subject=row)

        assert (event.subject_type, event.subject_id) == ("audit.auditchain", "1")
        assert event.subject_name == "3: d"

    def test_counts_without_gaps_and_links_to_the_event_before(self) -> None:
        first, second = _record(), _record()

        assert (first.sequence, second.sequence) == (1, 2)
        assert second.previous_digest == first.digest
        assert second.digest == digest_of(second)

    def test_leaves_no_gap_when_a_transaction_fails(self) -> None:
        _record()
        with transaction.atomic():
            _record()
            transaction.set_rollback(True)

        assert _record().sequence == 2
        assert verify_chain().is_intact

    def test_stores_a_detail_that_holds_a_nul(self) -> None:
        event = _record(detail={"reason": "be\x00cause", "names": ["\x00"]})

        event.refresh_from_db()
        assert event.detail == {"reason": "be\ufffdcause", "names": ["\ufffd"]}
        assert verify_chain().is_intact

    def test_cuts_and_cleans_what_strangers_sent(self) -> None:
        stranger = Actor("x" * 1000 + "\x00", source_address="\x00")

        event = record_audit_event(
            actor=stranger, action="login", outcome=REFUSED, subject_name="a\x00b" * 500, now=NOW
        )

        assert len(event.actor_name) == 150
        assert "\x00" not in event.subject_name + event.source_address
        assert len(event.subject_name) == 255


@pytest.mark.django_db(transaction=True)
def test_recording_outside_a_transaction_is_refused() -> None:
    with pytest.raises(AuditNeedsTransaction):
        _record()


class TestAppendOnly:
    def test_rows_cannot_be_changed(self) -> None:
        event = _record()
        event.actor_name = "somebody else"

        with pytest.raises(AuditIsAppendOnly):
            event.save()
        with pytest.raises(AuditIsAppendOnly):
            AuditEvent.objects.update(actor_name="somebody else")
        with pytest.raises(AuditIsAppendOnly):
            AuditEvent.objects.bulk_update([event], ["actor_name"])
        with pytest.raises(AuditIsAppendOnly):
            AuditEvent.objects.bulk_create([event], ignore_conflicts=True)

    def test_rows_cannot_be_removed(self) -> None:
        event = _record()

        with pytest.raises(AuditIsAppendOnly):
            event.delete()
        with pytest.raises(AuditIsAppendOnly):
            AuditEvent.objects.all().delete()
        with pytest.raises(AuditIsAppendOnly):
            AuditEvent.objects.all()._raw_delete("default")

    def test_nobody_can_be_granted_more_than_reading(self) -> None:
        assert AuditEvent._meta.default_permissions == ("view",)
