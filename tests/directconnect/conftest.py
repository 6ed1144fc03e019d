"""What tests of live sessions need: static files for Django, and a scene to play on."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import redis
from asgiref.sync import sync_to_async
from django.conf import settings

from tests.directconnect.scene import Scene, open_scene
from tests.live_console import live_console


@pytest.fixture(autouse=True, scope="session")
def _static_files() -> None:
    """Make the folder of collected static files, which WhiteNoise misses aloud."""
    settings.STATIC_ROOT.mkdir(parents=True, exist_ok=True)


@pytest.fixture
async def scene(valkey: redis.Redis) -> AsyncIterator[Scene]:
    """Open a session; neither the endpoint nor a browser has come yet."""
    opened = await sync_to_async(open_scene)(valkey)
    async with live_console() as console:
        yield Scene(console, *opened)
