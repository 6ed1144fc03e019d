"""`manage.py gateway`: hold the endpoints' always-on channels."""

from __future__ import annotations

import os
import sys
from typing import Any

from django.core.management.base import BaseCommand

from console.core.checks import ENVIRONMENT


class Command(BaseCommand):
    """Becomes the gateway program."""

    help = "Hold every endpoint's always-on channel (port VEDETTE_GATEWAY_PORT)."
    requires_system_checks = (ENVIRONMENT,)

    def handle(self, *args: Any, **options: Any) -> None:
        """Replace this process: the gateway needs neither the ORM nor the apps."""
        os.execv(sys.executable, [sys.executable, "-m", "console.gateway.server"])  # noqa: S606 - ourselves
