"""The WebSockets of live sessions: the browser's, and the endpoint's on its own port."""

from __future__ import annotations

from typing import Any, Final

from django.urls import path

from directconnect.consumers import TabConsumer
from directconnect.endpoint_consumer import EndpointConsumer

# Channels routes by Django's patterns, whose types know views only.
_tab: Final[Any] = TabConsumer.as_asgi()
_endpoint: Final[Any] = EndpointConsumer.as_asgi()

routes = [path("ws/sessions/<uuid:session_id>/", _tab)]

endpoint_routes = [path("session/<uuid:session_id>", _endpoint)]
