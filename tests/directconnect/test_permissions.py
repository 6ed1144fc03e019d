"""The guide's tables, once more and by hand: Administrator, Read Only, Service Account, User."""

from __future__ import annotations

import pytest

from console.access.catalogue import provided_grants, provided_keys
from directconnect.permissions import ROLES

PERMISSIONS = {
    "direct_connect_show": "YYNY",
    "direct_connect_session_read": "YYNY",
    "direct_connect_session_write": "YNNY",
    "direct_connect_settings_read": "YYNY",
    "direct_connect_settings_write": "YNNN",
    "direct_connect_logs_read": "YNNY",
    "direct_connect_cron_exec": "NNYN",
}
CONTENT = {
    ("Reserved", "read_sensor"): "YYNY",
    ("Base", "read_sensor"): "YNNY",
    ("Direct Connect", "read_sensor"): "YYYY",
    ("Direct Connect", "read_action"): "YYYY",
    ("Direct Connect", "read_own_action"): "pppp",
    ("Direct Connect", "write_action"): "YNYY",
    ("Direct Connect", "show_preview"): "pNpp",
    ("Direct Connect", "read_plugin"): "pppp",
    ("Direct Connect", "execute_plugin"): "YYYY",
    ("Direct Connect", "read_package"): "pYpp",
    ("Direct Connect", "write_package"): "YNYY",
    ("Reserved", "read_saved_question"): "YYYY",
    ("Direct Connect", "read_saved_question"): "YYYY",
}


@pytest.mark.parametrize("number", range(4))
def test_the_roles_are_those_of_the_guide(number: int) -> None:
    role = ROLES[number]
    by_key = provided_keys(role.permissions)
    by_grant = provided_grants(role.permissions, role.content)

    def mark(is_given: bool, is_provided: bool) -> str:
        return ("p" if is_provided else "Y") if is_given else "N"

    permissions = {key: mark(key in role.permissions, key in by_key) for key in PERMISSIONS}
    content = {grant: mark(grant in role.content, grant in by_grant) for grant in CONTENT}

    assert permissions == {key: marks[number] for key, marks in PERMISSIONS.items()}
    assert content == {grant: marks[number] for grant, marks in CONTENT.items()}
    assert role.permissions <= PERMISSIONS.keys()
    assert role.content <= CONTENT.keys()
