"""Users. Roles and grants join them when groups of endpoints exist."""

from __future__ import annotations

from django.contrib.auth.models import AbstractUser
from django.db import models


class User(AbstractUser):
    """Someone who uses the console, or a script that does."""

    time_zone = models.CharField(max_length=64, default="UTC")

    def __str__(self) -> str:
        return self.username
