"""What has to wait for the commit, and must not undo what was committed when it fails."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ParamSpec

from django.db import transaction

_P = ParamSpec("_P")


def after_commit(action: Callable[_P, Any], *args: _P.args, **kwargs: _P.kwargs) -> None:
    """Do this once the transaction is committed; without one, do it now.

    What is committed stands: should `action` fail then, that is logged with its traceback, what
    else waits for the commit is still done, and the caller hears nothing. Use it for what somebody
    makes up for: the copies in Redis, which jobs compare with the rows, and jobs that run anyway.
    """

    # Not a `functools.partial`: Django asks for its `__qualname__` when it logs the failure.
    def run() -> None:
        action(*args, **kwargs)

    run.__qualname__ = getattr(action, "__qualname__", repr(action))
    transaction.on_commit(run, robust=True)
