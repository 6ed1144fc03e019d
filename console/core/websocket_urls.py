"""The WebSocket of the live topics."""

from __future__ import annotations

from typing import Any, Final

from django.urls import re_path

from console.core.consumers import TopicConsumer

# Channels routes by Django's patterns, whose types know views only.
_topic: Final[Any] = TopicConsumer.as_asgi()

routes = [re_path(r"^ws/live/(?P<topic>[a-z-]{1,40})/$", _topic)]
