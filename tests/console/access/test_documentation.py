from __future__ import annotations

from console.access.catalogue import named_permissions, seeded_content_sets, seeded_roles
from directconnect import permissions as direct_connect
from tests.conftest import REPOSITORY
from threatresponse import permissions as threat_response

PAGE = (REPOSITORY / "docs" / "permissions.md").read_text(encoding="utf-8")


def test_lists_every_permission_and_content_set() -> None:
    missing = {permission.title for permission in named_permissions()} | {
        content_set.name for content_set in seeded_content_sets()
    }

    assert {name for name in missing if f"| {name} " not in PAGE} == set()


def test_names_every_role() -> None:
    text = " ".join(PAGE.split())

    for role in seeded_roles():
        assert role.name.replace("Direct Connect ", "").replace("Threat Response ", "") in text


def test_has_the_marks_that_are_seeded() -> None:
    for permission, marks in (*direct_connect._ROWS, *threat_response.ROWS):
        line = f"| {permission.reference} | {permission.title} | {' '.join(marks)} |"
        assert line in PAGE, line
