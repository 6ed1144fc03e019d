"""Workers that run sensors, as the agent keeps them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.agent.sensors.asking import Asking, settled


@pytest.fixture
async def asking(tmp_path: Path) -> AsyncIterator[Asking]:
    asking = Asking(tmp_path / "home")
    async with asyncio.TaskGroup() as group:
        running = group.create_task(asking.workers.run())
        # It ends the workers when it is cancelled: it must have begun.
        await asyncio.sleep(0)
        yield asking
        running.cancel()
    await settled()
