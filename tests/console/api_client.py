"""Users with chosen permissions, and clients of the API that are logged in as them."""

from __future__ import annotations

from knox.models import AuthToken
from rest_framework.test import APIClient

from console.access.models import User
from tests.console.roles import give_role

PASSWORD = "correct horse battery staple"


def make_user(name: str = "ada", *permissions: str, **fields: bool) -> User:
    """Make a user whose role has these permissions (`app_label.codename`) on every endpoint."""
    user = User(username=name, **fields)
    user.set_password(PASSWORD)
    user.save()
    if permissions:
        give_role(user, *permissions)
    return user


def make_administrator(name: str = "root") -> User:
    """Make a user who may do everything."""
    return make_user(name, is_superuser=True, is_staff=True)


def api_client(user: User) -> APIClient:
    """Return a client with an API token of this user."""
    _, token = AuthToken.objects.create(user)
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Token {token}")
    return client
