"""Users. Roles and grants join them when groups of endpoints exist."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import AbstractUser
from django.db import models
from knox.models import AuthToken


class User(AbstractUser):
    """Someone who uses the console, or a script that does."""

    time_zone = models.CharField(max_length=64, default="UTC")

    def __str__(self) -> str:
        return self.username

    def save(self, **options: Any) -> None:
        """Store the user. A new password, or being inactive, ends every API token.

        Login sessions need nothing: they hold a digest of the password, and ask for an active user.
        """
        ends_tokens = getattr(self, "_password", None) is not None or not self.is_active
        super().save(**options)
        if ends_tokens:
            AuthToken.objects.filter(user=self).delete()
