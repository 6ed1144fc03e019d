"""Services: as systemd tells them where it runs, from init scripts elsewhere."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.sensors.exceptions import SensorUnavailable
from agent.sensors.services import read_properties
from agent.sensors.unitfiles import UnitFiles, parse_unit, program_of, template_of
from tests.agent.sensors.comparing import printed, program, rows_of, write
from tests.agent.sensors.systemd_machine import SystemdMachine, systemd_machine

SLEEP = Path("/bin/sleep").resolve()
LOOP = f"#!/bin/sh\n# Short-Description: Sleeps a lot\nDAEMON={SLEEP}\nPIDFILE=/run/nap.pid\n"


def script(root: Path, name: str, text: str, *, links: tuple[str, ...] = ()) -> None:
    write(root, {f"etc/init.d/{name}": text})
    (root / "etc/init.d" / name).chmod(0o755)
    for link in links:
        place = root / "etc" / link
        place.parent.mkdir(parents=True, exist_ok=True)
        place.symlink_to(f"../init.d/{name}")


class TestUnitFiles:
    @pytest.mark.parametrize("kind", ["service", "timer", "socket", "path", "target", "mount"])
    def test_have_the_states_that_systemctl_tells(self, kind: str) -> None:
        listed = printed(
            program("systemctl"),
            "--root=/",
            "list-unit-files",
            f"--type={kind}",
            "--no-legend",
            "--no-pager",
            "--full",
        )
        theirs = {line.split()[0]: line.split()[1] for line in listed.splitlines()}

        ours = {unit.name: unit.state for unit in UnitFiles(Path("/")).named(f".{kind}")}

        assert ours == {name: state for name, state in theirs.items() if state != "alias"}

    def test_hide_what_is_overridden_and_add_drop_ins(self, tmp_path: Path) -> None:
        root = write(
            tmp_path,
            {
                "usr/lib/systemd/system/a.service": "[Service]\nExecStart=/bin/old\nUser=old\n",
                "etc/systemd/system/a.service.d/10.conf": "[Service]\nExecStart=\n"
                "ExecStart=-/bin/new \\\n  --flag\n",
                "usr/lib/systemd/system/b.service": "[Service]\nExecStart=/bin/b\n",
                "etc/systemd/system/c.service": "",
            },
        )
        (root / "etc/systemd/system/b.service").symlink_to("/dev/null")

        units = {unit.name: unit for unit in UnitFiles(root).named(".service")}

        assert units["a.service"].values("Service", "ExecStart") == ["-/bin/new --flag"]
        assert units["a.service"].value("Service", "User") == "old"
        assert units["a.service"].drop_ins == ("/etc/systemd/system/a.service.d/10.conf",)
        assert (units["b.service"].state, units["c.service"].state) == ("masked", "masked")

    def test_survive_links_that_lead_in_circles(self, tmp_path: Path) -> None:
        folder = tmp_path / "etc/systemd/system"
        folder.mkdir(parents=True)
        (folder / "a.service").symlink_to("a.service")
        (folder / "b.service.wants").symlink_to("b.service.wants")

        assert [unit.name for unit in UnitFiles(tmp_path).named(".service")] == ["a.service"]

    @given(st.text(alphabet="[]=\\#; \nab"))
    def test_can_hold_anything(self, text: str) -> None:
        assert isinstance(parse_unit([text]), dict)

    def test_name_programs_and_templates(self) -> None:
        assert program_of("-+!/usr/bin/a --b") == "/usr/bin/a"
        assert program_of("") == ""
        assert template_of("getty@tty1.service") == "getty@.service"
        assert template_of("a.service") == "a.service"


class TestInitScripts:
    @pytest.fixture
    def sleeper(self) -> Iterator[subprocess.Popen[bytes]]:
        process = subprocess.Popen([SLEEP, "600"])
        yield process
        process.kill()
        process.wait()

    def test_run_when_their_process_does(
        self, tmp_path: Path, sleeper: subprocess.Popen[bytes]
    ) -> None:
        (tmp_path / "proc").symlink_to("/proc")
        write(tmp_path, {"run/nap.pid": f"{sleeper.pid}\n", str(SLEEP)[1:]: ""})
        script(tmp_path, "nap", LOOP, links=("rc2.d/S01nap", "rc0.d/K01nap"))
        script(tmp_path, "off", "#!/bin/sh\n", links=("rc2.d/K01off",))
        script(tmp_path, "hand", "#!/bin/sh\nDAEMON=`rm -rf /`\n")

        rows = {row["Service Name"]: row for row in rows_of("services.details", tmp_path)}

        assert rows["nap"]["Status"] == "Running"
        assert rows["nap"]["PID"] == str(sleeper.pid)
        assert rows["nap"]["Display Name"] == "Sleeps a lot"
        modes = {name: row["Start Mode"] for name, row in rows.items()}
        assert modes == {"nap": "Automatic", "off": "Disabled", "hand": "Manual"}
        assert rows["off"]["Status"] == "Stopped"

    def test_do_not_run_when_another_program_has_their_number(
        self, tmp_path: Path, sleeper: subprocess.Popen[bytes]
    ) -> None:
        (tmp_path / "proc").symlink_to("/proc")
        write(tmp_path, {"run/nap.pid": f"{sleeper.pid}\n"})
        script(tmp_path, "nap", LOOP.replace("sleep\n", "no-such-program\n"))

        (row,) = rows_of("services.details", tmp_path)

        assert row["Status"] == "Stopped"

    def test_are_told_apart_by_name(self, tmp_path: Path) -> None:
        (tmp_path / "proc").mkdir()
        script(tmp_path, "nap", LOOP)

        assert rows_of("services.is_running", tmp_path, name="nap") == [
            {"Service Running": "False"}
        ]

    def test_are_missed_aloud(self, tmp_path: Path) -> None:
        with pytest.raises(SensorUnavailable, match="Neither systemd"):
            rows_of("services.details", tmp_path)


class TestProperties:
    def test_keep_the_first_of_two(self) -> None:
        assert read_properties("Id=a\nExecStart={ path=/a }\nExecStart={ path=/b }\n") == {
            "Id": "a",
            "ExecStart": "{ path=/a }",
        }


UNITS = {
    "vedette-nap.service": "[Unit]\nDescription=Sleeps: a lot\nDefaultDependencies=no\n"
    "[Service]\nUser=nobody\nExecStart=/bin/sleep 600\n",
    "vedette-once.service": "[Unit]\nDefaultDependencies=no\n"
    "[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/true\n",
    "vedette-bad.service": "[Unit]\nDefaultDependencies=no\n[Service]\nExecStart=/bin/false\n",
    "PolicyAgent.service": "[Unit]\nDefaultDependencies=no\nDescription=Policy\n"
    "[Service]\nExecStart=/bin/sleep 601\n",
}
ASK = """
import json
from tests.agent.sensors.comparing import rows_of
print(json.dumps(rows_of("services.details")))
"""


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SystemdMachine]:
    with systemd_machine(tmp_path_factory.mktemp("systemd"), UNITS) as machine:
        yield machine


@pytest.mark.root
@pytest.mark.slow
class TestSystemd:
    def test_is_asked_where_it_runs(self, machine: SystemdMachine) -> None:
        rows = {row["Service Name"]: row for row in json.loads(machine.python(ASK))}

        nap = rows["vedette-nap"]
        shown = machine.output("systemctl", "show", "-P", "MainPID", "vedette-nap.service")
        assert (nap["Status"], nap["PID"], nap["User"]) == ("Running", shown.strip(), "nobody")
        assert (nap["Path"], nap["Command Line"]) == ("/bin/sleep", "/bin/sleep 600")
        assert nap["Display Name"] == "Sleeps: a lot"
        assert nap["Defined In"] == "/run/systemd/system/vedette-nap.service"
        assert rows["vedette-once"]["Status"] == "Finished"
        assert rows["vedette-bad"]["Status"] == "Failed"
        assert rows["PolicyAgent"]["Status"] == "Running"

    def test_agrees_about_every_service(self, machine: SystemdMachine) -> None:
        rows = json.loads(machine.python(ASK))
        listed = machine.output(
            *("systemctl", "list-unit-files", "--type=service", "--no-legend", "--no-pager")
        )
        states = {line.split()[0]: line.split()[1] for line in listed.splitlines()}

        ours = {f"{row['Service Name']}.service": row["Unit State"] for row in rows}

        theirs = {name: state for name, state in states.items() if state != "alias"}
        assert {name: ours.get(name) for name in theirs} == theirs
