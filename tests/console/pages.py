"""Browser-like clients that are logged in, and what a page says in plain text."""

from __future__ import annotations

from typing import Any

from django.test import Client

from tests.console.api_client import make_user


def browser(*permissions: str, name: str = "ada", **fields: bool) -> Client:
    """Return a client that is logged in as a new user of the console with these permissions."""
    client = Client()
    client.force_login(make_user(name, *permissions, is_staff=True, **fields), _backend())
    return client


def text_of(response: Any) -> str:
    """Return the page, which must be there."""
    assert response.status_code == 200, response.status_code
    content: bytes = response.content
    return content.decode()


def messages_of(response: Any) -> list[str]:
    """Return what the page that was led to tells the user."""
    return [str(message) for message in response.context["messages"]]


def _backend() -> str:
    return "django.contrib.auth.backends.ModelBackend"
