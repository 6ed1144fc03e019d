from __future__ import annotations

from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from console.audit.chain import verify_chain
from console.audit.services import record_audit_event
from tests.console.computers import ADMINISTRATOR, NOW

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def five_events() -> None:
    for number in range(5):
        record_audit_event(
            actor=ADMINISTRATOR, action="endpoint.revoke", detail={"number": number}, now=NOW
        )


def _tamper(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


class TestVerification:
    def test_finds_an_untouched_chain_intact(self) -> None:
        verdict = verify_chain()

        assert verdict.is_intact
        assert verdict.checked == 5

    @pytest.mark.parametrize(
        "statement",
        [
            "UPDATE audit_auditevent SET actor_name = 'eve' WHERE sequence = 3",
            "UPDATE audit_auditevent SET detail = '{}' WHERE sequence = 3",
            "UPDATE audit_auditevent SET happened_at = '2020-01-01' WHERE sequence = 3",
            "UPDATE audit_auditevent SET digest = 'd' WHERE sequence = 3",
            "DELETE FROM audit_auditevent WHERE sequence = 3",
        ],
    )
    def test_finds_what_was_changed_or_removed(self, statement: str) -> None:
        _tamper(statement)

        assert verify_chain().broken_at == 3

    def test_finds_that_the_newest_events_are_gone(self) -> None:
        _tamper("DELETE FROM audit_auditevent WHERE sequence >= 4")

        assert verify_chain().broken_at == 4

    def test_finds_that_everything_is_gone(self) -> None:
        _tamper("DELETE FROM audit_auditevent")

        assert verify_chain().broken_at == 1

    def test_finds_an_event_that_was_put_behind_the_end(self) -> None:
        _tamper("UPDATE audit_auditchain SET sequence = 4, digest = 'd'")

        assert not verify_chain().is_intact

    def test_is_a_command(self) -> None:
        output = StringIO()

        call_command("verify_audit_chain", stdout=output)
        assert "intact: 5 events" in output.getvalue()

        _tamper("DELETE FROM audit_auditevent WHERE sequence = 2")
        with pytest.raises(CommandError, match="broken at event 2"):
            call_command("verify_audit_chain")
