"""Events as a recorder would give them."""

from __future__ import annotations

import time
from typing import Any

from protocol.events import Ancestor, FileEvent, Process, ProcessStarted, process_key


def now() -> int:
    return time.time_ns() // 1000


def process(*arguments: str, pid: int = 4_242, **given: Any) -> Process:
    started_at = now()
    parent = Ancestor(1, 1, "/sbin/init", "/sbin/init splash", "root")
    fields: dict[str, Any] = {
        "key": process_key(pid, started_at),
        "pid": pid,
        "started_at": started_at,
        "path": arguments[0] if arguments else "/bin/true",
        "arguments": arguments,
        "ancestors": (parent,),
    }
    return Process(**(fields | given))


def started(*arguments: str, **given: Any) -> ProcessStarted:
    made = process(*arguments, **given)
    return ProcessStarted(at=made.started_at, process=made)


def file_written(path: str) -> FileEvent:
    return FileEvent(at=now(), process=process("/bin/sh"), operation="write", path=path)
