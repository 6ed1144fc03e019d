"""The command line: exit codes, sentences, and an uninstall that leaves nothing behind."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from agent.capabilities import CAPABILITIES, EVERYWHERE, capability_names
from agent.cli import main
from agent.directories import Directories
from agent.enrolment import TrustAnchor
from agent.identity import Enrolment, read_enrolment
from protocol.codec import INSTRUCTION
from tests.agent.agent_process import run_command
from tests.agent.authority import Authority
from tests.agent.enrolment_server import EnrolmentServer, problem


@pytest.fixture
def home(directories: Directories) -> Path:
    assert directories.home is not None
    return directories.home


def enroll(home: Path, server: EnrolmentServer, tmp_path: Path, *more: str) -> int:
    (tmp_path / "ca.pem").write_text(server.authority.pem)
    (tmp_path / "token").write_text("from-a-file\n")
    words = ["--home", str(home), "enroll", "--console", server.address]
    words += ["--ca", str(tmp_path / "ca.pem"), "--token-file", str(tmp_path / "token")]
    return main([*words, *more])


class TestEnroll:
    def test_says_who_the_endpoint_is(
        self,
        home: Path,
        enrolment_server: EnrolmentServer,
        tmp_path: Path,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        assert enroll(home, enrolment_server, tmp_path) == 0

        assert str(enrolment_server.endpoint_id) in capsys.readouterr().out
        assert enrolment_server.requests[0][1]["token"] == "from-a-file"

    def test_is_refused_twice_without_force(
        self,
        home: Path,
        enrolment_server: EnrolmentServer,
        tmp_path: Path,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        enroll(home, enrolment_server, tmp_path)

        assert enroll(home, enrolment_server, tmp_path) == 1
        assert "--force" in capsys.readouterr().err
        assert enroll(home, enrolment_server, tmp_path, "--force") == 0

    def test_shows_the_consoles_refusal(
        self,
        home: Path,
        enrolment_server: EnrolmentServer,
        tmp_path: Path,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        enrolment_server.answer = problem(403, "This token has expired")

        assert enroll(home, enrolment_server, tmp_path) == 1
        assert capsys.readouterr().err == (
            "vedette-agent: The console refused: This token has expired.\n"
        )

    def test_says_when_the_ca_file_is_missing(
        self, home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        missing = str(tmp_path / "none.pem")
        words = ["--home", str(home), "enroll", "--console", "x", "--ca", missing, "--token", "t"]

        assert main(words) == 1
        assert "none.pem" in capsys.readouterr().err


class TestUsage:
    @pytest.mark.parametrize(
        "words",
        [[], ["nonsense"], ["enroll"], ["record"], ["record", "--for", "x", "--output", "y"]],
    )
    def test_wrong_is_exit_code_2(self, words: list[str]) -> None:
        with pytest.raises(SystemExit) as ended:
            main(words)

        assert ended.value.code == 2

    @pytest.mark.parametrize("command", ["run", "status"])
    def test_without_enrolment_is_exit_code_4(
        self, home: Path, command: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(["--home", str(home), command]) == 4
        assert "enroll" in capsys.readouterr().err

    def test_of_status_without_an_agent_is_exit_code_3(
        self, home: Path, enrolled: Enrolment
    ) -> None:
        assert main(["--home", str(home), "status"]) == 3

    def test_works_as_a_program(self, tmp_path: Path) -> None:
        answer = run_command(tmp_path, "--help")

        assert answer.returncode == 0
        assert "uninstall" in answer.stdout


class TestRenew:
    @pytest.mark.parametrize("address", ["nonsense", "host:port", ""])
    def test_refuses_what_is_no_address(self, home: Path, address: str) -> None:
        with pytest.raises(SystemExit) as ended:
            main(["--home", str(home), "renew", "--console", address])

        assert ended.value.code == 2

    def test_without_enrolment_is_exit_code_4(self, home: Path) -> None:
        assert main(["--home", str(home), "renew"]) == 4


class TestUninstall:
    def test_leaves_nothing_behind(self, home: Path, enrolled: Enrolment) -> None:
        assert main(["--home", str(home), "uninstall", "--yes"]) == 0

        assert not home.exists()

    def test_keeps_the_data_when_asked(
        self, home: Path, directories: Directories, enrolled: Enrolment
    ) -> None:
        main(["--home", str(home), "uninstall", "--yes", "--keep-data"])

        assert [folder.name for folder in home.iterdir()] == ["data"]

    def test_asks_first(self, home: Path, directories: Directories, enrolled: Enrolment) -> None:
        answer = run_command(home, "uninstall", answer="no\n")

        assert answer.returncode == 1
        assert "Nothing was removed" in answer.stdout
        assert read_enrolment(directories) == enrolled

    def test_leaves_folders_of_somebody_else_alone(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        foreign = tmp_path / "etc"
        foreign.mkdir()
        (foreign / "passwd").write_text("root")

        assert main(["--home", str(tmp_path), "uninstall", "--yes"]) == 0

        assert (foreign / "passwd").exists()
        assert "left alone" in capsys.readouterr().out


class TestCapabilities:
    def test_cover_every_instruction_once(self) -> None:
        kinds = [capability.instruction for capability in CAPABILITIES]
        schema = json.dumps(sorted(str(kind.__struct_config__.tag) for kind in kinds))

        assert len(kinds) == len(set(kinds))
        assert json.loads(schema) == sorted(capability_names("linux"))
        assert INSTRUCTION.name == "instruction"

    def test_say_what_each_one_can_do(self) -> None:
        for capability in CAPABILITIES:
            assert capability.power.endswith(".")
            assert capability.platforms <= EVERYWHERE


class TestTrustAnchor:
    def test_needs_no_network_when_the_ca_is_there(self, authority: Authority) -> None:
        assert TrustAnchor(authority_pem=authority.pem).authority_pem == authority.pem
