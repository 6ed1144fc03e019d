"""Logons, logoffs, failed logons and changes of privilege, as PAM tells the audit system.

Message types 1100 to 1199 (linux/audit.h, audit-records.h of libaudit). The kernel passes them on
without any rule, as long as auditing is on.
"""

from __future__ import annotations

import re
from typing import Final

from agent.recorder.processes import ProcessTable
from protocol.events import SecurityEvent, text_from_os

USER_AUTH, USER_START, USER_END, USER_LOGIN, USER_LOGOUT = 1100, 1105, 1106, 1112, 1113
LOGIN_TYPES: Final = frozenset({USER_AUTH, USER_START, USER_END, USER_LOGIN, USER_LOGOUT})
_FIELD: Final = re.compile(rb"(\w+)=(\"[^\"]*\"|[^\s']+)")
_HEXADECIMAL: Final = re.compile(rb"(?:[0-9A-F]{2})+$")
_OPERATIONS: Final = {
    (USER_LOGIN, True): "logon",
    (USER_LOGIN, False): "logon failed",
    (USER_LOGOUT, True): "logoff",
    (USER_START, True): "session opened",
    (USER_START, False): "session refused",
    (USER_END, True): "session closed",
    (USER_AUTH, True): "authenticated",
    (USER_AUTH, False): "authentication failed",
}


def read_login(kind: int, text: bytes, at: int, processes: ProcessTable) -> SecurityEvent:
    """Turn a message of one of `LOGIN_TYPES` into an event."""
    fields = dict(_FIELD.findall(text.replace(b"'", b" ")))
    succeeded = fields.get(b"res", b"").startswith(b"success")
    program = _text(fields.get(b"exe", b"")).rpartition("/")[2]
    pid = int(fields.get(b"pid", b"0"))
    address = _text(fields.get(b"addr", b"?"))
    return SecurityEvent(
        at=at,
        process=processes.find(pid),
        operation=_OPERATIONS.get((kind, succeeded), "logoff"),
        user=_text(fields.get(b"acct", b"")) or _account(fields.get(b"id", b""), processes),
        logon_type="remote" if address not in ("?", "") else "local",
        source_address="" if address == "?" else address,
        service_name=program,
    )


def _account(user_id: bytes, processes: ProcessTable) -> str:
    return processes.account(int(user_id)) if user_id.isdigit() else ""


def _text(value: bytes) -> str:
    if value.startswith(b'"'):
        return text_from_os(value.strip(b'"'))
    if _HEXADECIMAL.match(value) and len(value) > 2:
        return text_from_os(bytes.fromhex(value.decode("ascii")))
    return text_from_os(value)
