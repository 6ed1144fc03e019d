"""The jobs of live sessions run as beat names them."""

from __future__ import annotations

from datetime import timedelta

import pytest
import redis
from django.utils import timezone

from console.celery import app
from directconnect.jobs import close_abandoned_sessions
from directconnect.models import Session
from directconnect.services import TICKET_LIFE
from tests.directconnect.scene import open_scene

pytestmark = pytest.mark.django_db


def test_beat_knows_the_job() -> None:
    app.loader.import_default_modules()

    entry = app.conf.beat_schedule["sweep live sessions"]
    assert entry["task"] == close_abandoned_sessions.name


def test_the_job_ends_sessions_that_nobody_joined(valkey: redis.Redis) -> None:
    open_scene(valkey)
    long_ago = timezone.now() - TICKET_LIFE - timedelta(seconds=1)
    Session.objects.update(requested_at=long_ago)

    close_abandoned_sessions()

    assert Session.objects.get().close_reason == "the endpoint did not dial in"
