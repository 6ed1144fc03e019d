from __future__ import annotations

from pathlib import Path

import pytest

from console.celery import app
from console.certificates import authority, issuing, tls
from console.certificates.jobs import keep_fresh
from tests.console.computers import NOW

pytestmark = pytest.mark.django_db


class TestKeepFresh:
    def test_renews_what_runs_out_and_writes_the_list(self, keys_directory: Path) -> None:
        long_ago = NOW - issuing.SERVER_LIFE * 3 / 4
        authority.ensure_authority(long_ago)
        authority.ensure_server_certificate(["console.example"], long_ago)
        former = (keys_directory / tls.SERVER_CERTIFICATE).read_bytes()
        (keys_directory / tls.REVOCATION_LIST).unlink()

        keep_fresh()

        assert (keys_directory / tls.SERVER_CERTIFICATE).read_bytes() != former
        assert (keys_directory / tls.REVOCATION_LIST).exists()

    def test_is_asked_for_every_day(self) -> None:
        assert "keep certificates fresh" in app.conf.beat_schedule
