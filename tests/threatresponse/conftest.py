"""What tests that go through the whole of Django need."""

from __future__ import annotations

import pytest
from django.conf import settings


@pytest.fixture(autouse=True, scope="session")
def _static_files() -> None:
    """Make the folder of collected static files, which WhiteNoise misses aloud."""
    settings.STATIC_ROOT.mkdir(parents=True, exist_ok=True)
