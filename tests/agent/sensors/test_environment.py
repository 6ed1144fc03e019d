"""Variables that the system's files set."""

from __future__ import annotations

from pathlib import Path

from tests.agent.sensors.comparing import printed, program, rows_of, write


class TestSystemEnvironment:
    def test_comes_from_every_file(self, tmp_path: Path) -> None:
        root = write(
            tmp_path,
            {
                "etc/environment": 'PATH="/usr/bin:/bin"\n# A=b\nLD_PRELOAD=/x.so\nbroken\n',
                "etc/environment.d/9.conf": "B=$A c\n",
                "etc/environment.d/not.txt": "NO=1\n",
                "etc/security/pam_env.conf": "DISPLAY DEFAULT=:0 OVERRIDE=@{X}\n",
                "etc/profile": "  export E='f'; echo\nF=not exported\n",
                "etc/systemd/system.conf": '[Manager]\nDefaultEnvironment="G=h i" J=k\n#X=y\n',
                "var/lib/dpkg/info/base.list": "/etc/profile\n",
            },
        )

        rows = rows_of("environment.system", root)

        assert [(row["Variable"], row["Value"], row["Line"], row["Package"]) for row in rows] == [
            ("PATH", "/usr/bin:/bin", "1", ""),
            ("LD_PRELOAD", "/x.so", "3", ""),
            ("DISPLAY", "DEFAULT=:0 OVERRIDE=@{X}", "1", ""),
            ("E", "f", "1", "base"),
            ("G", "h i", "2", ""),
            ("J", "k", "2", ""),
            ("B", "$A c", "1", ""),
        ]

    def test_has_what_a_shell_gets_from_it(self, tmp_path: Path) -> None:
        text = "A=plain\nB='single'\nC=\"double\"\n"
        file = write(tmp_path, {"etc/environment": text}) / "etc/environment"
        shown = printed(program("sh"), "-c", f'. {file}; printf \'%s\\n\' "$A" "$B" "$C"')

        rows = rows_of("environment.system", tmp_path)

        assert [row["Value"] for row in rows] == shown.splitlines()
