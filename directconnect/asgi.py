"""The sessions program's ASGI application for port 17475, behind mutual TLS.

Endpoints attach to live sessions and renew their certificates here; none of the console's pages
can be reached.
"""

from __future__ import annotations

import os

import django
from channels.routing import ProtocolTypeRouter, URLRouter
from django.urls import re_path
from django.utils.module_loading import import_string

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "console.settings")
django.setup(set_prefix=False)

_routes = [
    *import_string("directconnect.websocket_urls.endpoint_routes"),
    re_path("", import_string("console.core.origins.SocketRefuser").as_asgi()),
]

application = ProtocolTypeRouter(
    {
        "http": import_string("console.endpoints.public_asgi.endpoint_application"),
        "websocket": URLRouter(_routes),
    }
)
