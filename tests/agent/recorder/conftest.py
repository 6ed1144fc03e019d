"""A recorder with the best sources, running."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.agent.recorder.recording import Recording


@pytest.fixture
def recording(tmp_path: Path) -> Iterator[Recording]:
    with Recording(tmp_path / "data", sources=("ebpf", "fanotify")) as running:
        yield running
