"""Deployment: what a publication holds, who is sent it, and who is sent it again."""

from __future__ import annotations

import dataclasses
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from console.audit.models import AuditEvent
from console.core.actor import Actor
from console.endpoints.models import Endpoint
from console.endpoints.reach import EVERYTHING
from console.endpoints.services import revoke_endpoint
from console.gateway.models import OutboundInstruction
from protocol import codec
from protocol.instructions import ApplyIntel
from tests.console.computers import ADMINISTRATOR, NOW, enrolled_endpoint
from tests.directconnect.received import waiting_instructions
from threatresponse.deployment import jobs, services
from threatresponse.deployment.exceptions import (
    DeploymentsCollided,
    IntelTooLarge,
    NotDeployed,
)
from threatresponse.deployment.hooks import send_intel_to_newcomer
from threatresponse.deployment.models import IntelPublication
from threatresponse.deployment.publications import unpack_rules
from threatresponse.deployment.selectors import (
    DeploymentState,
    endpoints_with_deployment,
    summarise_deployment,
)
from threatresponse.deployment.sending import resend_lagging
from threatresponse.deployment.services import (
    deploy_intel,
    withdraw_intel,
)
from threatresponse.intel.models import IntelDocument
from threatresponse.intel.services import SignalDraft, create_intel, update_intel

pytestmark = pytest.mark.django_db

DRAFT = SignalDraft(
    name="Curl", definition="process.name is 'curl'", platforms=["linux"], techniques=["T1105"]
)
LATER = NOW + timedelta(minutes=1)
MUCH_LATER = NOW + timedelta(hours=1)
SYSTEM = Actor.system("worker")


def document(draft: SignalDraft = DRAFT) -> IntelDocument:
    """Create a document."""
    return create_intel(draft, actor=ADMINISTRATOR, now=NOW)


def rule_names(publication: IntelPublication) -> list[str]:
    """Name the rules in a publication."""
    return [rule.name for rule in unpack_rules(bytes(publication.content))]


def states() -> dict[str, str]:
    """Map host names to deployment states."""
    listed = endpoints_with_deployment(EVERYTHING, now=LATER).values_list(
        "host_name", "deployment_state"
    )
    return dict(listed)


class TestDeployIntel:
    def test_sends_a_signed_instruction_to_every_endpoint(self) -> None:
        first, second = enrolled_endpoint("one"), enrolled_endpoint("two")

        publication = deploy_intel(document(), actor=ADMINISTRATOR, now=NOW)

        for endpoint in (first, second):
            (received,) = waiting_instructions(endpoint, ApplyIntel, now=NOW)
            assert received.revision == publication.revision == 1
            assert [rule.definition for rule in received.signals] == [DRAFT.definition]

    def test_sends_only_the_rules_for_the_operating_system(self) -> None:
        linux, windows = enrolled_endpoint("linux"), enrolled_endpoint("windows")
        Endpoint.objects.filter(pk=windows.pk).update(os="windows")
        everywhere = replace(DRAFT, name="Both", platforms=["linux", "windows"])
        deploy_intel(document(), actor=ADMINISTRATOR, now=NOW)

        deploy_intel(document(everywhere), actor=ADMINISTRATOR, now=LATER)

        (for_linux,) = waiting_instructions(linux, ApplyIntel, now=LATER)
        (for_windows,) = waiting_instructions(windows, ApplyIntel, now=LATER)
        assert [rule.name for rule in for_linux.signals] == ["Curl", "Both"]
        assert [rule.name for rule in for_windows.signals] == ["Both"]

    @pytest.mark.usefixtures("valkey")
    def test_sends_to_some_at_once_and_leaves_the_others_to_a_job(
        self, monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any
    ) -> None:
        monkeypatch.setattr(services, "SLICE", 2)
        for number in range(3):
            enrolled_endpoint(f"host-{number}")
        deploy_intel(document(), actor=ADMINISTRATOR, now=NOW)
        resend_lagging(actor=SYSTEM, now=NOW)
        begun: list[bool] = []
        monkeypatch.setattr(jobs.resend_lagging_intel, "apply_async", lambda: begun.append(True))

        with django_capture_on_commit_callbacks(execute=True):
            deploy_intel(document(replace(DRAFT, name="Two")), actor=ADMINISTRATOR, now=LATER)

        assert begun == [True]
        # Those of the first publication are still under way, and do not hold the second one back.
        assert resend_lagging(actor=SYSTEM, now=LATER) == 1
        assert resend_lagging(actor=SYSTEM, now=LATER) == 0

    def test_leaves_revoked_endpoints_alone(self) -> None:
        endpoint = enrolled_endpoint()
        revoke_endpoint(endpoint, reason="stolen", actor=ADMINISTRATOR, now=NOW)

        deploy_intel(document(), actor=ADMINISTRATOR, now=NOW)

        assert not OutboundInstruction.objects.filter(endpoint=endpoint, state="WAITING").exists()

    def test_keeps_other_documents_at_the_revision_that_was_deployed(self) -> None:
        first = document()
        deploy_intel(first, actor=ADMINISTRATOR, now=NOW)
        edited = replace(DRAFT, definition="process.name is 'wget'")
        update_intel(first, edited, actor=ADMINISTRATOR, now=LATER)

        publication = deploy_intel(
            document(replace(DRAFT, name="Other")), actor=ADMINISTRATOR, now=LATER
        )

        rules = {rule.name: rule for rule in unpack_rules(bytes(publication.content))}
        assert rules["Curl"].definition == DRAFT.definition
        assert publication.rule_count == 2

    def test_brings_the_edited_text_when_it_is_deployed_again(self) -> None:
        first = document()
        deploy_intel(first, actor=ADMINISTRATOR, now=NOW)
        edited = replace(DRAFT, definition="process.name is 'wget'")
        update_intel(first, edited, actor=ADMINISTRATOR, now=LATER)

        publication = deploy_intel(first, actor=ADMINISTRATOR, now=LATER)

        (rule,) = unpack_rules(bytes(publication.content))
        assert (rule.definition, rule.revision) == (edited.definition, 2)
        first.refresh_from_db()
        assert (first.is_deployed, first.deployed_revision, first.deployed_at) == (True, 2, LATER)

    def test_refuses_to_build_on_what_is_no_longer_the_newest(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        deploy_intel(document(), actor=ADMINISTRATOR, now=NOW)
        second = document(replace(DRAFT, name="Second"))
        # What another program sees that began before the first one's commit.
        monkeypatch.setattr(services, "current_publication", lambda: None)

        with pytest.raises(DeploymentsCollided):
            deploy_intel(second, actor=ADMINISTRATOR, now=NOW)

    def test_refuses_more_than_an_endpoint_takes(self, monkeypatch: pytest.MonkeyPatch) -> None:
        enrolled_endpoint()
        small = dataclasses.replace(codec.INSTRUCTION, limit=100)
        monkeypatch.setattr(codec, "INSTRUCTION", small)

        with pytest.raises(IntelTooLarge):
            deploy_intel(document(), actor=ADMINISTRATOR, now=NOW)

    def test_stands_in_the_audit_log(self) -> None:
        deploy_intel(document(), actor=ADMINISTRATOR, now=NOW)

        event = AuditEvent.objects.get(action="intel.deploy")
        assert (event.detail["publication"], event.source_address) == (1, "192.0.2.7")


class TestWithdrawIntel:
    def test_publishes_everything_else(self) -> None:
        kept, withdrawn = document(), document(replace(DRAFT, name="Noisy"))
        deploy_intel(kept, actor=ADMINISTRATOR, now=NOW)
        deploy_intel(withdrawn, actor=ADMINISTRATOR, now=NOW)

        publication = withdraw_intel(withdrawn, actor=ADMINISTRATOR, now=LATER)

        assert rule_names(publication) == ["Curl"]
        withdrawn.refresh_from_db()
        assert not withdrawn.is_deployed

    def test_refuses_what_is_not_deployed(self) -> None:
        with pytest.raises(NotDeployed):
            withdraw_intel(document(), actor=ADMINISTRATOR, now=NOW)


class TestNewcomers:
    def test_get_the_current_publication(self) -> None:
        deploy_intel(document(), actor=ADMINISTRATOR, now=NOW)
        endpoint = enrolled_endpoint()

        send_intel_to_newcomer(endpoint_id=endpoint.pk, at=LATER)

        (received,) = waiting_instructions(endpoint, ApplyIntel, now=LATER)
        assert received.revision == 1

    def test_get_nothing_where_nothing_was_ever_published(self) -> None:
        endpoint = enrolled_endpoint()

        send_intel_to_newcomer(endpoint_id=endpoint.pk, at=LATER)

        assert not OutboundInstruction.objects.exists()


class TestResendLagging:
    def test_sends_again_when_the_instruction_is_lost(self) -> None:
        endpoint = enrolled_endpoint()
        deploy_intel(document(), actor=ADMINISTRATOR, now=NOW)
        OutboundInstruction.objects.update(state="EXPIRED", completed_at=NOW)

        assert resend_lagging(actor=SYSTEM, now=MUCH_LATER) == 1

        (received,) = waiting_instructions(endpoint, ApplyIntel, now=MUCH_LATER)
        assert received.revision == 1

    def test_waits_while_one_is_under_way(self) -> None:
        enrolled_endpoint()
        deploy_intel(document(), actor=ADMINISTRATOR, now=NOW)

        assert resend_lagging(actor=SYSTEM, now=MUCH_LATER) == 0

    def test_lets_an_endpoint_rest_that_has_just_failed(self) -> None:
        enrolled_endpoint()
        deploy_intel(document(), actor=ADMINISTRATOR, now=NOW)
        OutboundInstruction.objects.update(state="FAILED", completed_at=NOW)

        assert resend_lagging(actor=SYSTEM, now=LATER) == 0
        assert resend_lagging(actor=SYSTEM, now=MUCH_LATER) == 1

    def test_leaves_those_alone_that_have_it(self) -> None:
        enrolled_endpoint()
        deploy_intel(document(), actor=ADMINISTRATOR, now=NOW)
        OutboundInstruction.objects.update(state="DONE", completed_at=NOW)
        Endpoint.objects.update(intel_revision=1)

        assert resend_lagging(actor=SYSTEM, now=MUCH_LATER) == 0


class TestDeploymentStates:
    def test_tell_who_has_it_who_not_and_why(self) -> None:
        has_it, waits, failed, lags = map(enrolled_endpoint, ("has", "waits", "failed", "lags"))
        deploy_intel(document(), actor=ADMINISTRATOR, now=NOW)
        Endpoint.objects.filter(pk=has_it.pk).update(intel_revision=1)
        OutboundInstruction.objects.filter(endpoint=failed).update(
            state="FAILED", detail="disk full", completed_at=NOW
        )
        OutboundInstruction.objects.filter(endpoint=lags).update(state="EXPIRED", completed_at=NOW)

        assert states() == {
            waits.host_name: DeploymentState.UNDER_WAY,
            has_it.host_name: DeploymentState.CURRENT,
            failed.host_name: DeploymentState.FAILED,
            lags.host_name: DeploymentState.LAGGING,
        }
        detail = (
            endpoints_with_deployment(EVERYTHING, now=LATER).get(pk=failed.pk).deployment_detail
        )
        assert detail == "disk full"
        summary = summarise_deployment(EVERYTHING, now=LATER)
        assert (summary.revision, summary.rule_count) == (1, 1)
        assert summary.endpoints == dict.fromkeys(("CURRENT", "UNDER_WAY", "FAILED", "LAGGING"), 1)
