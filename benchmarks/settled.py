"""Make the console's code importable for a benchmark that needs no database of its own."""

from __future__ import annotations

import os
import tempfile

import django


def settle_django() -> None:
    """Load the console's settings with a data directory that is thrown away."""
    os.environ.setdefault("VEDETTE_DATA", tempfile.mkdtemp(prefix="vedette-benchmark-"))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "console.settings")
    django.setup()
