"""What `./vedette up` promises to whoever starts, scripts, breaks off and starts it again."""

from __future__ import annotations

import os
import pwd
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import psutil
import pytest

from tests.conftest import REPOSITORY
from tests.e2e.console import PASSWORD, Agent, Console, eventually, running_console
from tests.e2e.kernel import (
    bpf_objects_of,
    existing_bpf_objects,
    has_fanotify_marks,
    own_audit_rules,
)
from tests.e2e.network import Host, python
from tests.e2e.nobody import as_nobody, clone_for_nobody

pytestmark = [
    pytest.mark.root,
    pytest.mark.slow,
    pytest.mark.timeout(240),
]


def refusal(host: Host, data: Path, **environment: str) -> str:
    """Start a console that must not start; return what it says."""
    started = host.run(
        *python("manage.py", "up"),
        environment={"VEDETTE_DATA": str(data), **environment},
        check=False,
    )
    assert started.returncode == 1, started.stdout
    return started.stderr


class TestASecondConsole:
    def test_on_the_same_data_is_refused(self, console: Console, hosts: list[Host]) -> None:
        assert console.process is not None

        said = refusal(hosts[3], console.data)

        assert f"a console already runs on {console.data} (process {console.process.pid})" in said
        assert "VEDETTE_DATA" in said
        assert "Traceback" not in said
        assert console.health().status == 200

    @pytest.mark.parametrize(
        ("port", "variable"),
        [
            (8443, "VEDETTE_WEB_PORT"),
            (17472, "VEDETTE_GATEWAY_PORT"),
            (17475, "VEDETTE_SESSIONS_PORT"),
            (17443, "VEDETTE_STATUS_PORT"),
        ],
    )
    def test_on_a_taken_port_is_told_the_port_and_its_variable(
        self, console: Console, tmp_path: Path, port: int, variable: str
    ) -> None:
        ports = {
            "VEDETTE_WEB_PORT": "1443",
            "VEDETTE_GATEWAY_PORT": "1444",
            "VEDETTE_SESSIONS_PORT": "1445",
            "VEDETTE_STATUS_PORT": "1446",
        }
        ports[variable] = str(port)

        said = refusal(console.host, tmp_path / "data", **ports)

        assert f"port {port} on " in said
        assert variable in said
        assert "Traceback" not in said


def test_a_data_directory_that_cannot_be_made_is_named(hosts: list[Host], tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    said = refusal(hosts[3], tmp_path / "file" / "data")

    assert str(tmp_path / "file" / "data") in said
    assert "Traceback" not in said


class TestTheHealthPage:
    def test_has_one_entry_per_program(self, console: Console) -> None:
        health = eventually(
            lambda: answer if (answer := console.health()).status == 200 else None,
            within=30,
            what="health",
        )

        names = {"web", "gateway", "sessions", "ingester", "worker", "beat", "redis", "database"}
        assert health.body == {
            "state": "up",
            "programs": {name: {"state": "up"} for name in names},
        }


@pytest.fixture(scope="module")
def whole_console(hosts: list[Host], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    """A console with the agent of its own machine, as `./vedette up` starts it."""
    data = tmp_path_factory.mktemp("whole") / "data"
    launcher = [str(REPOSITORY / "vedette"), "up"]
    with running_console(hosts[3], data, {"VEDETTE_NO_AGENT": ""}, command=launcher) as console:
        yield console


@pytest.fixture
def whole(whole_console: Console) -> Console:
    """The same, started again when another test left it stopped."""
    assert whole_console.process is not None
    if whole_console.process.poll() is not None:
        whole_console.start()
    return whole_console


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def own_agent(console: Console) -> Agent:
    [endpoint] = console.results("endpoints/")
    return Agent(console.host, console.data / "agent", endpoint_id=endpoint["id"])


def runs(process: psutil.Process) -> bool:
    """Tell whether a process does anything; an orphan that nobody has reaped yet does not."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


class TestTheLauncher:
    def test_starts_everything_with_an_agent_of_this_machine(self, whole: Console) -> None:
        health = eventually(
            lambda: answer if (answer := whole.health()).status == 200 else None,
            within=30,
            what="health",
        )

        assert health.body["state"] == "up"
        whole.wait_for(own_agent(whole))
        assert "Not root" not in whole.log.read_text()

    def test_works_for_nobody_and_says_what_was_left_out(
        self, hosts: list[Host], stack: ExitStack
    ) -> None:
        # Not below pytest's own folders: those are root's alone.
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        folder.chmod(0o755)
        tree = clone_for_nobody(folder)
        # A user's own .venv would have been filled by their first start.
        subprocess.run([REPOSITORY / "vedette", "match", "--help"], check=True, capture_output=True)
        console = stack.enter_context(
            running_console(
                hosts[2],
                folder / "data",
                {"VEDETTE_NO_AGENT": "", "HOME": str(folder)},
                command=as_nobody(str(tree / "vedette"), "up"),
            )
        )

        said = console.log.read_text()
        agent = own_agent(console)
        console.wait_for(agent)
        sources = eventually(
            lambda: agent.status().get("report", {}).get("sources"), within=20, what="the sources"
        )
        is_up = console.health().status == 200
        console.stop()

        assert "Not root: the agent cannot use eBPF, fanotify or audit here" in said
        assert [s for s in sources if s["name"] == "ebpf" and s["state"] == "running"] == []
        assert is_up
        assert console.process is not None
        assert console.process.returncode == 0
        assert "Stopped; all data is kept." in console.log.read_text()


class TestCtrlC:
    def test_leaves_nothing_behind_and_the_next_start_keeps_everything(
        self, whole: Console
    ) -> None:
        agent = own_agent(whole)
        eventually(agent.records, within=30, what="the recorder's start")
        whole.wait_for(agent)
        programs = whole.programs()
        agent_pid = whole.program("-m agent").pid
        in_kernel = bpf_objects_of(agent_pid)
        assert in_kernel
        assert has_fanotify_marks(agent_pid)
        token = whole.new_token("kept over the stop")

        whole.stop()

        assert whole.process is not None
        assert whole.process.returncode == 0
        assert "Stopped; all data is kept." in whole.log.read_text()
        assert [process for process in programs if runs(process)] == []
        left = psutil.process_iter(["cmdline"])
        assert [p for p in left if str(whole.data) in " ".join(p.info["cmdline"] or ())] == []
        assert not in_kernel & existing_bpf_objects()
        eventually(lambda: not own_audit_rules(), within=20, what="the end of audit rules")
        assert whole.host.run("nft", "list", "ruleset").stdout == ""
        assert not list((whole.data / "run").glob("*.token"))

        began = time.monotonic()
        whole.start()

        assert time.monotonic() - began < 30
        assert "Enrolling" not in whole.log.read_text()
        assert own_agent(whole).endpoint_id == agent.endpoint_id
        assert token["id"] in [row["id"] for row in whole.results("enrolment-tokens/")]
        whole.wait_for(agent)


class TestTheFirstAdministrator:
    def test_has_the_password_of_the_environment(self, whole: Console) -> None:
        credentials = {"username": "admin", "password": PASSWORD}
        assert whole.api("POST", "auth/token/", credentials).status == 200
        assert PASSWORD not in whole.log.read_text()
        assert PASSWORD not in "".join(
            log.read_text() for log in (whole.data / "logs").glob("*.log")
        )

    def test_is_refused_with_another(self, whole: Console) -> None:
        anonymous = Console(whole.host, whole.data)

        answer = anonymous.api("POST", "auth/token/", {"username": "admin", "password": "guess"})

        assert answer.status in (400, 401, 403)


def test_data_is_private(whole: Console) -> None:
    assert whole.data.stat().st_mode & 0o077 == 0
    for secret in [*(whole.data / "keys").glob("*.key"), *(whole.data / "agent/etc").glob("*.pem")]:
        assert secret.stat().st_mode & 0o077 == 0, secret


def test_vedette_no_agent_starts_none(console: Console) -> None:
    assert not any("-m agent" in " ".join(program.cmdline()) for program in console.programs())
    assert "agent" not in console.log.read_text().lower()


def test_without_root_the_agent_says_which_sources_were_left_out(
    console: Console, hosts: list[Host], stack: ExitStack
) -> None:
    nobody = pwd.getpwnam("nobody")
    # Not below pytest's own folders: those are root's alone.
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
    agent = console.joined_agent(hosts[1], folder / "unprivileged")
    for path in [folder, agent.home, *agent.home.rglob("*")]:
        os.chown(path, nobody.pw_uid, nobody.pw_gid)
    words = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all")
    # What `run` becomes: it could not start Python again where that lies in root's own folder.
    command = python("-m", "agent.resident", "--home", str(agent.home))
    agent.process = agent.host.start(*words, "--bounding-set=-all", *command, log=agent.log)
    try:
        console.wait_for(agent)
        sources = eventually(
            lambda: agent.status()["report"]["sources"], within=20, what="the sources"
        )
        assert {source["name"] for source in sources} >= {"ebpf", "fanotify"}
        for source in sources:
            if source["name"] in ("ebpf", "fanotify"):
                assert source["state"] != "running"
                assert source["reason"]
    finally:
        agent.stop()
