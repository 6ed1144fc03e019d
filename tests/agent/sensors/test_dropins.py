"""Drop-ins of units: in every folder where systemd finds them, held against a real systemd."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from agent.sensors.unitfiles import UnitFiles
from tests.agent.sensors.comparing import rows_of, write
from tests.agent.sensors.systemd_machine import systemd_machine

SERVICE = "[Service]\nExecStart=/bin/sleep infinity\n"
UNITS = {
    "vdt-one-two.service": SERVICE,
    "vdt-many-@.service": SERVICE,
    "vdt.socket": "[Socket]\nListenStream=@vdt\n",
}
FOLDERS = (
    "vdt-one-two.service.d",
    "vdt-one-.service.d",
    "vdt-.service.d",
    "vdt-many-@.service.d",
    "vdt-many-@x.service.d",
    "vdt-@.service.d",
    "other-.service.d",
    "vdt-many-.service.d",
    "service.d",
    "socket.d",
)
ASK = """
import json
from pathlib import Path
from agent.sensors.unitfiles import UnitFiles
units = UnitFiles(Path("/"))
names = ["vdt-one-two.service", "vdt-many-@.service"]
print(json.dumps({name: units.find(name).drop_ins for name in names}))
"""


class TestDropIns:
    @pytest.mark.root
    @pytest.mark.slow
    def test_are_those_of_systemd(self, tmp_path: Path) -> None:
        with systemd_machine(tmp_path, UNITS) as machine:
            for number, folder in enumerate(FOLDERS):
                place = f"/run/systemd/system/{folder}"
                text = f"[Unit]\\nDescription=of {folder}\\n"
                machine.output(
                    "sh", "-c", f"mkdir -p '{place}'; printf '{text}' > '{place}/{number}.conf'"
                )
            machine.output("systemctl", "daemon-reload")

            ours = json.loads(machine.python(ASK))

            for name, loaded in (
                ("vdt-one-two.service", "vdt-one-two.service"),
                ("vdt-many-@.service", "vdt-many-@x.service"),
            ):
                shown = machine.output("systemctl", "show", "-P", "DropInPaths", loaded)
                assert sorted(ours[name]) == sorted(shown.split()), name

    def test_of_many_units_are_told_once(self, tmp_path: Path) -> None:
        root = write(
            tmp_path,
            {
                f"etc/systemd/system/{name}": text
                for name, text in {
                    **UNITS,
                    "service.d/x.conf": "[Service]\nExecStartPre=/bin/evil\n",
                    "vdt-one-.service.d/y.conf": "[Service]\nEnvironment=LD_PRELOAD=/tmp/a.so\n",
                    "vdt-many-@x.service.d/z.conf": "[Service]\nExecStart=\nExecStart=/bin/z\n",
                    "vdt-one-two.service.d/o.conf": "[Service]\nExecStop=/bin/stop\n",
                }.items()
            },
        )

        rows = rows_of("persistence.autoruns", root)

        of_drop_ins = [row for row in rows if row["Category"] == "systemd drop-in"]
        assert {Path(row["Path"]).name: row["What Runs"] for row in of_drop_ins} == {
            "x.conf": "service: ExecStartPre=/bin/evil",
            "y.conf": "vdt-one-.service: Environment=LD_PRELOAD=/tmp/a.so",
            "z.conf": "vdt-many-@x.service: ExecStart=/bin/z",
            "o.conf": "vdt-one-two.service: /bin/evil; /bin/sleep infinity; /bin/stop",
        }
        assert len(of_drop_ins) == 4

    def test_of_one_instance_do_not_change_the_template(self, tmp_path: Path) -> None:
        root = write(
            tmp_path,
            {
                "etc/systemd/system/a@.service": SERVICE,
                "etc/systemd/system/a@b.service.d/x.conf": "[Service]\nExecStart=/bin/x\n",
            },
        )

        unit = UnitFiles(root).find("a@.service")

        assert unit is not None
        assert unit.values("Service", "ExecStart") == ["/bin/sleep infinity"]
        assert unit.drop_ins == ("/etc/systemd/system/a@b.service.d/x.conf",)
