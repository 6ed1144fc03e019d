"""`manage.py create_first_administrator`: the user `admin`, where there is no administrator."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from console.access.services import FIRST_ADMINISTRATOR, ensure_first_administrator
from console.core.actor import Actor
from console.core.secrets import read_secret


class Command(BaseCommand):
    """Make the first administrator; harmless to repeat."""

    help = "Make the user admin, with the password of VEDETTE_ADMIN_PASSWORD or a generated one."

    def handle(self, *_: Any, **__: Any) -> None:
        """Print the generated password, once."""
        generated = ensure_first_administrator(
            password=read_secret("VEDETTE_ADMIN_PASSWORD"),
            actor=Actor.system("create_first_administrator"),
            now=timezone.now(),
        )
        if generated:
            self.stdout.write(f"user name: {FIRST_ADMINISTRATOR}\npassword:  {generated}")
