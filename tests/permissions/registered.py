"""Every address that the console answers at, as its own routers list them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver
from django.utils.module_loading import import_string

from console.core import live_topics

_CONVERTER = re.compile(r"<(?:\w+:)?\w+>|\(\?P<\w+>[^)]*\)")
# What a page without a list of methods is tried with; whatever else it takes is no different.
PAGE_METHODS = ("GET", "POST")


def http_routes(urlconf: str) -> Iterator[tuple[str, str]]:
    """Yield (method, pattern) of everything behind a URL configuration."""
    for pattern, view in _walk(get_resolver(urlconf)):
        for method in _methods(view):
            yield method, pattern


def socket_routes(application: Any) -> Iterator[str]:
    """Yield the pattern of every WebSocket of an ASGI application; live topics one by one."""
    for route in _routes(application.application_mapping["websocket"]):
        pattern = str(route.pattern)
        if "<topic>" in pattern:
            for topic in live_topics._permissions:
                yield _filled(pattern, topic)
        else:
            yield pattern


def address_of(pattern: str, *values: str) -> str:
    """Put values into a pattern, in the order of its parameters."""
    return "/" + _filled(pattern, *values)


def consumer_of(dotted_name: str) -> Any:
    """Return an ASGI application by name: they are built when they are imported."""
    return import_string(dotted_name)


def _filled(pattern: str, *values: str) -> str:
    remaining = iter(values)
    filled = _CONVERTER.sub(lambda _: next(remaining), pattern)
    return filled.replace("^", "").replace("$", "")


def _walk(resolver: URLResolver, prefix: str = "") -> Iterator[tuple[str, Any]]:
    for found in resolver.url_patterns:
        pattern = prefix + str(found.pattern)
        if isinstance(found, URLPattern):
            yield pattern, found.callback
        else:
            yield from _walk(found, pattern)


def _methods(view: Any) -> tuple[str, ...]:
    if actions := getattr(view, "actions", None):
        return tuple(method.upper() for method in actions if method != "head")
    view_class = getattr(view, "cls", None)
    if view_class is None:
        return PAGE_METHODS
    return tuple(
        method.upper()
        for method in ("get", "post", "put", "patch", "delete")
        if hasattr(view_class, method)
    )


def _routes(application: Any) -> list[URLPattern]:
    # Middleware is wrapped around the router; each layer keeps what it wraps under its own name.
    while not hasattr(application, "routes"):
        application = next(
            inner
            for name in ("_application", "inner", "application")
            if (inner := getattr(application, name, None)) is not None
        )
    routes: list[URLPattern] = application.routes
    return routes
