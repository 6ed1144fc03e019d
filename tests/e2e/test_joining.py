"""How endpoints come and go: tokens, installers, certificates, revocation."""

from __future__ import annotations

import ssl
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from console.certificates.issuing import certificate_pem
from tests.e2e.console import GATEWAY_PORT, SESSIONS_PORT, Agent, Console, eventually
from tests.e2e.network import Host
from tests.e2e.peers import (
    client_context,
    dial,
    identity_of,
    is_heard,
    other_authority,
    stolen_authority,
)

pytestmark = [
    pytest.mark.root,
    pytest.mark.slow,
    pytest.mark.timeout(240),
]

PORTS = (GATEWAY_PORT, SESSIONS_PORT)

# The default installation touches the system's folders, so it runs on a computer that is a mount
# namespace: whatever it writes there lands in TOP, and nothing of it may be left at the end.
INSTALLED_AS_USERS_DO = """
set -eu
cd "$TOP"
for folder in etc opt var/lib var/log; do
    mkdir -p "upper/$folder" "work/$folder"
    options="lowerdir=/$folder,upperdir=$TOP/upper/$folder,workdir=$TOP/work/$folder"
    mount -t overlay overlay -o "$options" "/$folder"
done
mount -t tmpfs tmpfs /run
%(install)s
cd /opt/vedette-agent
python3.%(minor)d -m agent run &
until python3.%(minor)d -m agent status; do sleep 0.2; done
: >"$TOP/runs"
until [ -e "$TOP/seen" ]; do sleep 0.1; done
python3.%(minor)d -m agent uninstall --yes
wait
cd /
find "$TOP/upper" ! -type c ! -type d
find "$TOP/upper" /run -iname '*vedette*' ! -type c
"""


class TestAToken:
    @pytest.fixture
    def newcomer(self, hosts: list[Host], tmp_path: Path) -> Agent:
        return Agent(hosts[1], tmp_path / "newcomer")

    def test_is_refused_when_the_console_never_made_it(
        self, console: Console, newcomer: Agent
    ) -> None:
        refused = newcomer.enrol(console, "vdt-00000000000000000000000000000000")

        assert refused.returncode == 1
        assert "refused: This enrolment token is not known here." in refused.stderr
        assert not newcomer.identity.exists()

    def test_is_refused_when_it_is_used_up(self, console: Console, newcomer: Agent) -> None:
        token = console.new_token(uses_allowed=1)["token"]
        assert newcomer.enrol(console, token).returncode == 0

        refused = Agent(newcomer.host, newcomer.home.with_name("second")).enrol(console, token)

        assert refused.returncode == 1
        assert "This enrolment token is used up." in refused.stderr

    def test_is_refused_when_its_time_is_over(self, console: Console, newcomer: Agent) -> None:
        soon = datetime.now(UTC) + timedelta(seconds=1)
        token = console.new_token(expires_at=soon.isoformat())["token"]
        eventually(lambda: datetime.now(UTC) > soon, within=5, what="the token's end")

        refused = newcomer.enrol(console, token)

        assert refused.returncode == 1
        assert "This enrolment token has expired." in refused.stderr

    def test_is_refused_after_its_revocation(self, console: Console, newcomer: Agent) -> None:
        created = console.new_token()
        revoked = console.api("POST", f"enrolment-tokens/{created['id']}/revoke/")
        assert revoked.status == 200

        refused = newcomer.enrol(console, created["token"])

        assert refused.returncode == 1
        assert "This enrolment token was revoked." in refused.stderr

    def test_is_not_even_sent_to_a_console_of_another_authority(
        self, console: Console, newcomer: Agent, tmp_path: Path
    ) -> None:
        created = console.new_token()
        foreign = tmp_path / "foreign.pem"
        foreign.write_bytes(certificate_pem(other_authority(now=datetime.now(UTC)).certificate))

        refused = newcomer.enrol(console, created["token"], authority=foreign)

        assert refused.returncode == 1
        assert "is not the console" in refused.stderr
        [row] = [r for r in console.results("enrolment-tokens/") if r["id"] == created["id"]]
        assert row["uses_left"] == 1


class TestAnEndpoint:
    def test_joins_with_one_line_and_uninstalling_leaves_nothing(
        self, console: Console, hosts: list[Host], tmp_path: Path
    ) -> None:
        created = console.new_token("one line")
        words = {"install": created["install_command"], "minor": sys.version_info.minor}
        command = ["unshare", "--mount", "--propagation", "private", "sh", "-c"]
        log = tmp_path / "install.log"

        installing = hosts[2].start(
            *command, INSTALLED_AS_USERS_DO % words, log=log, environment={"TOP": str(tmp_path)}
        )
        try:
            eventually(
                lambda: (tmp_path / "runs").exists() or installing.poll() is not None,
                within=60,
                what="the installation",
            )
            [endpoint] = self._joined_with(console, "one line")
            eventually(
                lambda: console.endpoint(endpoint)["online"],
                within=30,
                what="the endpoint's coming online",
            )
        finally:
            (tmp_path / "seen").touch()
            installing.wait(60)

        said = log.read_text()
        assert installing.returncode == 0, said
        assert "removed /opt/vedette-agent" in said
        assert said.strip().splitlines()[-1].startswith("removed "), said
        eventually(
            lambda: not console.endpoint(endpoint)["online"], within=15, what="going offline"
        )

    def test_joins_with_the_downloaded_installer(
        self, console: Console, hosts: list[Host], tmp_path: Path
    ) -> None:
        created = console.new_token("installer")
        path = f"enrolment-tokens/{created['id']}/installer/"
        script, _, status = console.text("POST", path, {"token": created["token"]}).rpartition("\n")
        assert status == "200"
        installer = tmp_path / "installer.sh"
        installer.write_text(script)
        program, home = tmp_path / "program", tmp_path / "home"

        installed = hosts[2].run(
            *("sh", str(installer), "--prefix", str(program), "--home", str(home)), check=False
        )

        assert installed.returncode == 0, installed.stderr
        [endpoint] = self._joined_with(console, "installer")
        agent = Agent(hosts[2], home, endpoint_id=endpoint)
        agent.start()
        try:
            console.wait_for(agent)
            self._answers_by_hand(agent)
        finally:
            agent.stop()

    @staticmethod
    def _joined_with(console: Console, token_name: str) -> list[str]:
        rows = console.all_results("endpoints/")
        return [str(row["id"]) for row in rows if row["enrolled_with"] == token_name]

    @staticmethod
    def _answers_by_hand(agent: Agent) -> None:
        assert agent.process is not None
        said = agent.command("status")
        assert said.returncode == 0
        assert agent.endpoint_id in said.stdout
        assert "connected" in said.stdout
        removed = agent.command("uninstall", "--yes")
        assert removed.returncode == 0, removed.stderr
        assert agent.process.wait(10) == 0
        assert not agent.home.exists()
        # What is gone says so.
        gone = agent.command("status")
        assert gone.returncode == 4
        assert "not enrolled" in gone.stderr

    def test_is_told_by_the_agent_that_none_runs(
        self, console: Console, hosts: list[Host], tmp_path: Path
    ) -> None:
        agent = console.joined_agent(hosts[1], tmp_path / "idle")

        said = agent.command("status")

        assert said.returncode == 3
        assert "does not run" in said.stderr


@pytest.mark.parametrize("port", PORTS)
class TestACertificate:
    def test_is_what_opens_the_port(self, console: Console, hosts: list[Host], port: int) -> None:
        identity = identity_of(stolen_authority(console), uuid4(), now=datetime.now(UTC))

        assert is_heard(hosts[1], console, port, client_context(console, identity))
        assert not is_heard(hosts[1], console, port, client_context(console))

    def test_of_another_authority_is_refused(
        self, console: Console, hosts: list[Host], port: int
    ) -> None:
        now = datetime.now(UTC)
        identity = identity_of(other_authority(now=now), uuid4(), now=now)

        assert not is_heard(hosts[1], console, port, client_context(console, identity))

    @pytest.mark.parametrize("days", [-4000, 40], ids=["expired", "not yet valid"])
    def test_out_of_its_time_is_refused(
        self, console: Console, hosts: list[Host], port: int, days: int
    ) -> None:
        then = datetime.now(UTC) + timedelta(days=days)
        identity = identity_of(stolen_authority(console), uuid4(), now=then)

        assert not is_heard(hosts[1], console, port, client_context(console, identity))


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_resumed_session_does_not_outlive_a_revocation(
    console: Console, hosts: list[Host], tmp_path: Path, version: ssl.TLSVersion
) -> None:
    agent = console.joined_agent(hosts[1], tmp_path / "revoked")
    context = client_context(console, agent.identity.read_bytes())
    context.minimum_version = context.maximum_version = version
    sessions: dict[int, ssl.SSLSession | None] = {}
    for port in PORTS:
        with dial(agent.host, console, port, context) as connection:
            connection.sendall(b"GET / HTTP/1.1\r\nHost: console\r\n\r\n")
            assert connection.recv(1)
            sessions[port] = connection.session

    revoked = console.api("POST", f"endpoints/{agent.endpoint_id}/revoke/", {"reason": "test"})

    assert revoked.status == 200
    for port in PORTS:
        assert not is_heard(agent.host, console, port, context, session=sessions[port])
        assert not is_heard(agent.host, console, port, context)


def test_revoking_cuts_open_connections(console: Console, agent: Agent) -> None:
    session = console.open_session(agent)
    eventually(
        lambda: console.api("GET", f"sessions/{session}/").body["state"] == "OPEN",
        within=15,
        what="the session's attachment",
    )
    assert console.connections_of(agent.host) == {GATEWAY_PORT, SESSIONS_PORT}

    console.api("POST", f"endpoints/{agent.endpoint_id}/revoke/", {"reason": "test"})
    # Five seconds are promised, of a machine that does nothing else.
    eventually(
        lambda: not console.connections_of(agent.host), within=20, what="the cut of all connections"
    )

    assert not console.is_online(agent)
    assert "revoked" in agent.status()["link_reason"]
    assert UUID(agent.endpoint_id)  # the row stays, for what it did
    assert console.endpoint(agent.endpoint_id)["revoked_at"]
