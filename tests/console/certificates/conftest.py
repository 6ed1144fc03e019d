from __future__ import annotations

from pathlib import Path

import pytest
from pytest_django import Settings


@pytest.fixture
def keys_directory(tmp_path: Path, settings: Settings) -> Path:
    """Give the console a place for its keys that is empty."""
    settings.KEYS_DIR = tmp_path / "keys"
    return tmp_path / "keys"
