"""The story of issue one: enrol, record, search, deploy, trigger, see the alert, revoke."""

from __future__ import annotations

import json
import uuid
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.e2e.browser import logged_in_page
from tests.e2e.console import Agent, Console, eventually
from tests.e2e.network import python

pytestmark = [
    pytest.mark.root,
    pytest.mark.slow,
    pytest.mark.browser,
    pytest.mark.timeout(420),
]

# Seconds from the click to the end of the endpoint's connection.
CUT_WITHIN = 5.0


def online(console: Console, agent: Agent) -> bool:
    return bool(console.endpoint(agent.endpoint_id)["online"])


def test_an_attack_is_seen_from_enrolment_to_revocation(
    console: Console, agents: list[Agent], tmp_path: Path
) -> None:
    first, second = agents
    marker = f"vedette-{uuid.uuid4().hex[:12]}"

    # Both endpoints are there, each with event sources that work.
    eventually(
        lambda: all(online(console, agent) for agent in agents),
        within=30,
        what="the endpoints' coming online",
    )
    eventually(
        lambda: all(
            "running" in json.dumps(console.endpoint(agent.endpoint_id)["status"])
            for agent in agents
        ),
        within=60,
        what="the first status reports",
    )

    # What happens on a host is found by a live session, with path, arguments and parent.
    evidence = tmp_path / marker
    first.host.run(*python("-c", f"open('{evidence}', 'w').write('x')"))
    session = console.api("POST", "sessions/", {"endpoint": first.endpoint_id}).body["id"]
    search = quote(f"process.command_line contains '{marker}' and file.operation is create")

    def found() -> list[dict[str, object]]:
        answer = console.api("GET", f"sessions/{session}/events/?search={search}")
        return list(answer.body["results"]) if answer.status == 200 else []

    [event] = eventually(found, within=15, what="the recorded file event")[:1]
    assert event["file"]["path"] == str(evidence)  # type: ignore[index]  # JSON
    assert event["process"]["arguments"][1] == "-c"  # type: ignore[index]  # JSON
    assert "python" in event["process"]["path"]  # type: ignore[index]  # JSON

    # A Signal is written, deployed, and applied by both.
    document = console.api(
        "POST",
        "intel/",
        {
            "name": f"Marker {marker}",
            "type": "signal",
            "platforms": ["linux"],
            "definition": f"process.command_line contains '{marker}-attack'",
            "techniques": ["T1059.004"],
        },
    ).body
    deployed = console.api("POST", f"intel/{document['id']}/deploy/").body
    eventually(
        lambda: all(
            console.endpoint(agent.endpoint_id)["intel_revision"] == deployed["revision"]
            for agent in agents
        ),
        within=60,
        what="the arrival of the Signal",
    )

    # The alert appears in an open page without reloading, hostile markup and all.
    with logged_in_page(console, tmp_path) as page:
        page.goto(f"{console.url}/alerts/alert/")
        attack = f"echo {marker}-attack '<script>document.title=\"owned\"</script>'"
        second.host.run("/bin/sh", "-c", attack)
        row = page.locator("[data-alert]").filter(has_text=f"Marker {marker}").first
        row.wait_for(timeout=20_000)
        row.get_by_role("link").first.click()
        page.locator("#matched").get_by_text(f"{marker}-attack").first.wait_for(timeout=10_000)
        assert "owned" not in page.title()

        # Revoking cuts the endpoint off: offline here, refused there.
        page.goto(f"{console.url}/endpoints/endpoint/{second.endpoint_id}/revoke/")
        page.fill("input[name=reason]", "end of the test")
        host_name = console.endpoint(second.endpoint_id)["host_name"]
        page.fill("input[name=confirmation]", host_name)
        page.get_by_role("button", name="Revoke").click()
        cut = eventually(
            lambda: status if (status := second.status())["link"] != "connected" else None,
            within=CUT_WITHIN,
            what="the cut of the revoked endpoint",
        )
        page.get_by_text("Revoked").first.wait_for(timeout=10_000)

    assert "revoked" in cut["link_reason"]
    assert online(console, first)
    assert not online(console, second)
    revocations = console.results("audit-events/?action=endpoint.revoke")
    assert revocations[0]["subject_id"] == second.endpoint_id
    assert revocations[0]["source_address"]


def test_a_pulled_cable_shows_within_ten_seconds(console: Console, agents: list[Agent]) -> None:
    agent = agents[0]
    eventually(lambda: online(console, agent), within=30, what="the endpoint's coming online")

    agent.host.pull_cable()

    try:
        eventually(lambda: not online(console, agent), within=11, what="going offline")
    finally:
        agent.host.plug_cable_in()
    eventually(lambda: online(console, agent), within=60, what="coming back")
