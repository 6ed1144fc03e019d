"""The guide's notes: as many roles have a permission provided as its line has notes left."""

from __future__ import annotations

import pytest

from console.access.catalogue import powers_of, provided_grants, provided_keys
from console.modules import SeededRole
from threatresponse.permissions import ROWS
from threatresponse.roles import _CONTENT, ROLES

# Lines of the guide that have notes, with how many.
NOTES = {
    **{
        f"Detect {noun} Read": 2
        for noun in ("Alert", "Intel", "Label", "Notification", "Quickscan", "Source")
    },
    "Detect Use API": 4,
    "Show Detect": 1,
    "Show Threat Response": 3,
    "Threat Response Response Actions Read": 2,
    "Threat Response Service User Read": 1,
    "Threat Response Content Incident Response User": 1,
    "Threat Response Content Incident Response Readonly User": 2,
    "Threat Response Content Index User": 1,
    "Threat Response Settings Read": 1,
    "Threat Response Use API": 3,
    **{
        f"Threat Response Live Response {noun} Read": 2
        for noun in ("Collection Configs", "Destinations", "File Collector Sets", "Script Sets")
    },
    "Threat Response Live Response Modules Read": 1,
    "Show Trace": 3,
    "Trace API Doc Read": 3,
    "Trace Deployment Read": 2,
    "Trace Endpoint Configuration Read": 3,
    **{
        f"Trace {noun} Read": 2
        for noun in (
            "Exports",
            "File Downloads",
            "IOCs",
            "Live Connections",
            "Saved Events",
            "Snapshots",
        )
    },
    "Trace Use API": 4,
}
PEOPLE = ROLES[:4]


def test_as_many_are_provided_as_the_guide_notes() -> None:
    assert {p.title: marks.count("p") for p, marks in ROWS if "p" in marks} == NOTES


@pytest.mark.parametrize("number", range(4))
def test_what_is_marked_provided_comes_with_something_else(number: int) -> None:
    role = PEOPLE[number]
    by_key = provided_keys(role.permissions)
    by_grant = provided_grants(role.permissions, role.content)

    for permission, marks in ROWS:
        assert (permission.key in by_key) == (marks[number] == "p"), permission.title
    for key, content_set, marks in _CONTENT:
        assert ((content_set, key) in by_grant) == (marks[number] == "p"), (content_set, key)


@pytest.mark.parametrize("role", PEOPLE, ids=lambda role: role.key)
def test_a_role_has_what_comes_with_what_it_has(role: SeededRole) -> None:
    assert powers_of(role.permissions, role.content).permissions == role.permissions


def test_reading_only_changes_nothing() -> None:
    reads = PEOPLE[2]

    powers = powers_of(reads.permissions, reads.content)

    assert not [name for name in powers.implied if not name.split(".")[1].startswith("view_")]
    assert not [key for key in powers.permissions if key.endswith(("_write", "_deploy"))]
    assert not [key for _, key in powers.content if key.startswith(("write_", "execute_"))]
