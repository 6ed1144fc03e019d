"""The web program's ASGI application: HTTP by Django, WebSockets of browsers by Channels."""

from __future__ import annotations

import os

from channels.routing import ProtocolTypeRouter, URLRouter
from channels.sessions import SessionMiddlewareStack
from django.core.asgi import get_asgi_application
from django.urls import re_path
from django.utils.module_loading import import_string

from console.modules import modules

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "console.settings")

# Django comes first: consumers import models, and modules register while the apps get ready.
_http = get_asgi_application()

_routes = [
    *import_string("console.core.websocket_urls.routes"),
    *(
        route
        for module in modules()
        if module.websocket_routes
        for route in import_string(module.websocket_routes)
    ),
    re_path("", import_string("console.core.origins.SocketRefuser").as_asgi()),
]

application = ProtocolTypeRouter(
    {
        "http": import_string("console.core.bodies.BoundedBodies")(_http),
        "websocket": import_string("console.core.origins.SameOrigin")(
            SessionMiddlewareStack(URLRouter(_routes))
        ),
    }
)
