"""The jobs of deployment run as beat names them."""

from __future__ import annotations

import pytest

from console.celery import app
from console.gateway.models import OutboundInstruction
from tests.console.computers import ADMINISTRATOR, NOW, enrolled_endpoint
from threatresponse.deployment.jobs import resend_lagging_intel
from threatresponse.deployment.services import deploy_intel
from threatresponse.intel.services import SignalDraft, create_intel

pytestmark = pytest.mark.django_db


def test_beat_knows_the_job() -> None:
    app.loader.import_default_modules()

    entry = app.conf.beat_schedule["resend lagging intel"]
    assert entry["task"] == resend_lagging_intel.name


def test_the_job_sends_intel_that_was_lost() -> None:
    enrolled_endpoint()
    draft = SignalDraft(name="Curl", definition="process.name is 'curl'", platforms=["linux"])
    deploy_intel(create_intel(draft, actor=ADMINISTRATOR, now=NOW), actor=ADMINISTRATOR, now=NOW)
    OutboundInstruction.objects.all().delete()

    resend_lagging_intel()

    assert OutboundInstruction.objects.get().kind == "intel.apply"
