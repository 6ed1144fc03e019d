"""Deploying over REST."""

from __future__ import annotations

import uuid

import pytest

from console.audit.models import AuditEvent
from tests.console.computers import ADMINISTRATOR, NOW, enrolled_endpoint
from tests.directconnect.people import ADDRESS, api_of, user_with
from threatresponse.intel.models import IntelDocument
from threatresponse.intel.services import SignalDraft, create_intel

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("valkey")]

DEPLOYER = ("intel.view_inteldocument", "intel.deploy_inteldocument")


def document() -> IntelDocument:
    """Create a document."""
    draft = SignalDraft(name="Curl", definition="process.name is 'curl'", platforms=["linux"])
    return create_intel(draft, actor=ADMINISTRATOR, now=NOW)


class TestDeploy:
    def test_answers_with_the_publication(self) -> None:
        response = api_of(user_with(*DEPLOYER)).post(f"/api/v1/intel/{document().pk}/deploy/")

        assert response.status_code == 200
        assert (response.json()["revision"], response.json()["rule_count"]) == (1, 1)
        assert AuditEvent.objects.get(action="intel.deploy").source_address == ADDRESS

    def test_writing_rules_is_not_deploying_them(self) -> None:
        author = api_of(user_with("intel.view_inteldocument", "intel.change_inteldocument"))
        path = f"/api/v1/intel/{document().pk}"

        assert api_of(None).post(f"{path}/deploy/").status_code == 401
        assert author.post(f"{path}/deploy/").status_code == 403
        assert author.post(f"{path}/withdraw/").status_code == 403

    def test_what_is_not_there_is_not_found(self) -> None:
        response = api_of(user_with(*DEPLOYER)).post(f"/api/v1/intel/{uuid.uuid4()}/deploy/")

        assert response.status_code == 404

    def test_withdraws_only_what_is_deployed(self) -> None:
        api, path = api_of(user_with(*DEPLOYER)), f"/api/v1/intel/{document().pk}"

        assert api.post(f"{path}/withdraw/").status_code == 409
        api.post(f"{path}/deploy/")
        assert api.post(f"{path}/withdraw/").json()["rule_count"] == 0


class TestDeploymentStates:
    def test_shows_the_publication_and_the_endpoints(self) -> None:
        endpoint = enrolled_endpoint()
        api = api_of(user_with(*DEPLOYER, "endpoints.view_endpoint"))
        api.post(f"/api/v1/intel/{document().pk}/deploy/")

        summary = api.get("/api/v1/intel-deployment/").json()
        waiting = api.get("/api/v1/intel-deployment/endpoints/", {"state": "UNDER_WAY"}).json()
        current = api.get("/api/v1/intel-deployment/endpoints/", {"state": "CURRENT"}).json()

        assert summary["endpoints"]["UNDER_WAY"] == 1
        assert [row["id"] for row in waiting["results"]] == [str(endpoint.pk)]
        assert current["results"] == []
