"""Intel documents: what is accepted, what is refused, and when a revision grows."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from console.audit.models import AuditEvent
from console.core.exceptions import InvalidInput
from tests.console.computers import ADMINISTRATOR, NOW
from threatresponse.intel.exceptions import (
    DefinitionRefused,
    IntelChanged,
    NameTaken,
    StillDeployed,
)
from threatresponse.intel.models import IntelDocument
from threatresponse.intel.services import SignalDraft, create_intel, delete_intel, update_intel

pytestmark = pytest.mark.django_db

DRAFT = SignalDraft(
    name="Shell from the web server",
    definition="process.path ends with '/sh' AND process.parent_path contains 'nginx'",
    platforms=["linux"],
    techniques=["t1059.004", "T1190"],
    description="A web server has no business with a shell.",
)
LATER = NOW + timedelta(minutes=1)


def stored(draft: SignalDraft = DRAFT) -> IntelDocument:
    """Create a document."""
    return create_intel(draft, actor=ADMINISTRATOR, now=NOW)


class TestCreateIntel:
    def test_stores_what_the_author_wrote(self) -> None:
        document = stored()

        found = IntelDocument.objects.get(pk=document.pk)
        assert found.definition == DRAFT.definition
        assert found.techniques == ["T1059.004", "T1190"]
        assert (found.revision, found.is_deployed) == (1, False)
        assert found.created_by_name == "ada"

    def test_stands_in_the_audit_log_with_the_source_address(self) -> None:
        document = stored()

        event = AuditEvent.objects.get(action="intel.create")
        assert (event.subject_id, event.source_address) == (str(document.pk), "192.0.2.7")

    def test_names_the_place_of_a_mistake(self) -> None:
        with pytest.raises(DefinitionRefused) as refused:
            stored(replace(DRAFT, definition="process.path contains 'a' ANY"))

        assert refused.value.place["line"] == 1
        assert refused.value.place["column"] == 27
        assert refused.value.errors["definition"][0].startswith("line 1, column 27: ")
        assert not IntelDocument.objects.exists()

    @pytest.mark.parametrize(
        "definition",
        [
            "(" * 60_000,
            "(" * 100_000,
            "process.colour is 'red'",
            " OR ".join(f"process.pid is {number}" for number in range(25)),
            "process.path matches '((a{1000}){1000}){1000}'",
            r"process.path matches '(?P<a>\1)'",
            "",
            "process.path contains '\ud800'",
        ],
        ids=[
            "parentheses",
            "longer than allowed",
            "unknown property",
            "25 terms",
            "exploding pattern",
            "back reference",
            "empty",
            "lone surrogate",
        ],
    )
    def test_refuses_a_definition_that_cannot_be_used(self, definition: str) -> None:
        with pytest.raises(InvalidInput) as refused:
            stored(replace(DRAFT, definition=definition))

        assert "definition" in refused.value.errors

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("name", "  "),
            ("name", "a\nb"),
            ("name", "n" * 256),
            ("platforms", []),
            ("platforms", ["amiga"]),
            ("techniques", ["T105"]),
            ("techniques", ["T1059.4"]),
            ("techniques", ["<script>"]),
            ("techniques", [f"T{number}" for number in range(1000, 1065)]),
            ("description", "d" * 70_000),
        ],
    )
    def test_names_the_field_that_is_wrong(self, field: str, value: Any) -> None:
        with pytest.raises(InvalidInput) as refused:
            stored(replace(DRAFT, **{field: value}))

        assert list(refused.value.errors) == [field]

    def test_refuses_properties_of_another_operating_system(self) -> None:
        with pytest.raises(DefinitionRefused):
            stored(replace(DRAFT, definition="registry.key_path contains 'Run'"))

    def test_refuses_a_name_that_is_taken(self) -> None:
        stored()

        with pytest.raises(NameTaken):
            stored()


class TestUpdateIntel:
    def test_counts_a_revision_when_the_endpoint_would_see_a_difference(self) -> None:
        changed = replace(DRAFT, definition="process.path ends with '/bash'")

        document = update_intel(stored(), changed, actor=ADMINISTRATOR, now=LATER)

        assert (document.revision, document.changed_at) == (2, LATER)

    @pytest.mark.parametrize(
        "changed",
        [
            replace(DRAFT, name="Another name"),
            replace(DRAFT, techniques=["T1059"]),
            replace(DRAFT, description="Why it matters."),
            replace(DRAFT, definition=DRAFT.definition.replace(" AND ", "\n  and ")),
        ],
        ids=["name", "techniques", "description", "spelling"],
    )
    def test_counts_no_revision_for_what_endpoints_do_not_evaluate(
        self, changed: SignalDraft
    ) -> None:
        document = update_intel(stored(), changed, actor=ADMINISTRATOR, now=LATER)

        assert (document.revision, document.changed_at) == (1, LATER)

    def test_leaves_no_trace_when_nothing_changes(self) -> None:
        document = stored()

        update_intel(document, SignalDraft.of(document), actor=ADMINISTRATOR, now=LATER)

        assert not AuditEvent.objects.filter(action="intel.change").exists()
        assert IntelDocument.objects.get().changed_at == NOW

    def test_refuses_to_overwrite_what_somebody_else_wrote(self) -> None:
        document = stored()
        update_intel(document, replace(DRAFT, name="Mine"), actor=ADMINISTRATOR, now=LATER)

        with pytest.raises(IntelChanged):
            update_intel(
                document, replace(DRAFT, name="Yours"), read_at=NOW, actor=ADMINISTRATOR, now=LATER
            )

        assert IntelDocument.objects.get().name == "Mine"


class TestDeleteIntel:
    def test_deletes_and_keeps_the_text_in_the_audit_log(self) -> None:
        delete_intel(stored(), actor=ADMINISTRATOR, now=LATER)

        assert not IntelDocument.objects.exists()
        event = AuditEvent.objects.get(action="intel.delete")
        assert event.detail["definition"] == DRAFT.definition

    def test_refuses_while_endpoints_have_it(self) -> None:
        document = stored()
        IntelDocument.objects.update(is_deployed=True, deployed_revision=1)

        with pytest.raises(StillDeployed):
            delete_intel(document, actor=ADMINISTRATOR, now=LATER)
