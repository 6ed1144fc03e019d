"""The health page, which strangers may read, too."""

from __future__ import annotations

from pathlib import Path

import pytest
import redis
from django.test import Client

from console.core import health


@pytest.mark.django_db
def test_names_what_is_down_but_not_where_it_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = tmp_path / "classified" / "valkey.sock"
    lost = redis.Redis(unix_socket_path=str(secret))
    monkeypatch.setattr(health, "_redis", lambda: lost)

    answer = Client().get("/healthz/")

    lost.close()
    assert answer.status_code == 503
    assert answer.json()["programs"]["redis"] == {
        "state": "down",
        "reason": "does not answer (ConnectionError)",
    }
    assert b"classified" not in answer.content
