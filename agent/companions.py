"""Run some work only for as long as some other work runs."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

Result = TypeVar("Result")


async def run_with_companions(
    main: Coroutine[Any, Any, Result], *companions: Coroutine[Any, Any, None]
) -> Result:
    """Run `main` and return its result; the companions run beside it and end with it.

    The first failure of any of them ends all, and is raised as it is (not in a group).
    """
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(companion) for companion in companions]
            result = await main
            for task in tasks:
                task.cancel()
    except BaseExceptionGroup as failures:
        raise failures.exceptions[0] from None
    return result
