"""Choose the event loop: uvloop where there is one, Python's own elsewhere (Windows)."""

from __future__ import annotations

import asyncio
from asyncio import AbstractEventLoop
from collections.abc import Callable

new_event_loop: Callable[[], AbstractEventLoop]

try:
    import uvloop
except ImportError:
    new_event_loop = asyncio.new_event_loop
else:
    new_event_loop = uvloop.new_event_loop
