"""Users with exactly the permissions that a test names, and how they reach the console."""

from __future__ import annotations

import itertools

from django.test import Client
from rest_framework.test import APIClient

from console.access.models import User
from console.core.actor import Actor
from tests.console.roles import give_role

ADDRESS = "192.0.2.99"
_numbers = itertools.count(1)


def user_with(*permissions: str) -> User:
    """Make a user whose role has these permissions (`app_label.codename`) on every endpoint."""
    user = User.objects.create_user(f"analyst-{next(_numbers)}", password="correct horse")
    give_role(user, *permissions)
    return user


def api_of(user: User | None) -> APIClient:
    """Return a client of the API for a user, or for nobody, from `ADDRESS`."""
    client = APIClient(REMOTE_ADDR=ADDRESS)
    if user is not None:
        client.force_authenticate(user)
    return client


def actor_for(user: User) -> Actor:
    """Return the actor that a service sees when this user calls it."""
    return Actor(user.get_username(), user.pk, ADDRESS)


def session_cookie_of(user: User) -> str:
    """Log a user in as a browser does and return the Cookie header."""
    browser = Client()
    browser.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return f"sessionid={browser.cookies['sessionid'].value}"
