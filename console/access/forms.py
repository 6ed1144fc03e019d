"""Forms of users: what Unfold's say wrongly for a console."""

from __future__ import annotations

from typing import Any

from unfold.forms import AuthenticationForm


class LoginForm(AuthenticationForm):  # type: ignore[misc]  # Unfold ships no types
    """The login, with one answer to every wrong try: it tells nobody which accounts exist."""

    error_messages: dict[str, Any] = {  # noqa: RUF012 - Django's own way
        **AuthenticationForm.error_messages,
        "invalid_login": (
            "The user name or the password is wrong, or this account may not use the console."
        ),
    }
