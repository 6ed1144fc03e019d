"""Stores to test with."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from eventstore.store import EventStore
from tests.eventstore.samples import KEY


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return where a store may be made."""
    return tmp_path / "recorder.db"


@pytest.fixture
def store(path: Path) -> Iterator[EventStore]:
    """Return an empty, encrypted store."""
    with EventStore.open(path, key=KEY) as opened:
        yield opened
