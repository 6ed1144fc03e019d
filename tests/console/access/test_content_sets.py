from __future__ import annotations

import pytest

from console.access.content_sets import (
    change_content_set,
    create_content_set,
    delete_content_set,
)
from console.access.exceptions import ContentSetInUse
from console.access.models import ContentSet
from console.audit.models import AuditEvent
from console.core.actor import Actor
from console.core.exceptions import InvalidInput, NotAllowed
from console.questions.models import SavedQuestion
from tests.console.api_client import make_user
from tests.console.computers import NOW

pytestmark = pytest.mark.django_db(transaction=True)

SYSTEM = Actor.system("tests")


def _made(name: str = "Warsaw", actor: Actor = SYSTEM) -> ContentSet:
    return create_content_set(name=name, description="", actor=actor, now=NOW)


class TestContentSets:
    def test_are_made_renamed_and_deleted_with_their_audit_rows(self) -> None:
        made = _made()

        change_content_set(made, name="Lyon", actor=SYSTEM, now=NOW)
        delete_content_set(made, actor=SYSTEM, now=NOW)

        actions = AuditEvent.objects.filter(action__startswith="content_set").order_by("sequence")
        assert [event.action.partition(".")[2] for event in actions] == [
            "create",
            "change",
            "delete",
        ]
        assert actions[1].detail == {"name": {"from": "Warsaw", "to": "Lyon"}}

    def test_have_names_of_their_own(self) -> None:
        with pytest.raises(InvalidInput):
            _made("Base")

    def test_that_come_with_the_console_stay(self) -> None:
        for name in ("Base", "Default"):
            seeded = ContentSet.objects.get(name=name)
            with pytest.raises(ContentSetInUse):
                delete_content_set(seeded, actor=SYSTEM, now=NOW)
            with pytest.raises(ContentSetInUse):
                change_content_set(seeded, name="Other", actor=SYSTEM, now=NOW)

    def test_that_hold_something_stay(self) -> None:
        made = _made()
        SavedQuestion.objects.create(
            name="Names", text="x", content_set=made, created_at=NOW, changed_at=NOW
        )

        with pytest.raises(ContentSetInUse, match="not empty"):
            delete_content_set(made, actor=SYSTEM, now=NOW)
        assert not AuditEvent.objects.filter(action="content_set.delete").exists()

    def test_are_for_administrators_to_change(self) -> None:
        eve = make_user("eve", "access.add_contentset")

        with pytest.raises(NotAllowed):
            _made(actor=Actor("eve", eve.pk))
