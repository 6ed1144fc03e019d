from __future__ import annotations

import hashlib
import os
import shlex
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
import uvicorn

from console.certificates import tls
from console.endpoints.installer import (
    install_command,
    install_command_without_curl,
    installer_script,
)
from console.endpoints.models import Endpoint
from console.endpoints.public_asgi import public_application
from tests.console.asgi_client import ask
from tests.console.computers import enrolment_token, prepare_console

HOSTILE = "'; touch /tmp/owned; '"


class TestInstallCommand:
    @pytest.mark.django_db
    def test_pins_the_key_and_carries_the_token(self, settings: Any) -> None:
        prepare_console()

        command = install_command("tok en", name="console.example")

        words = shlex.split(command)
        assert words[words.index("--pinnedpubkey") + 1] == tls.public_key_pin(settings.KEYS_DIR)
        assert "https://console.example:17443/install" in words
        assert words[-2:] == ["|", "sh"]

    @pytest.mark.django_db
    @pytest.mark.parametrize("make", [install_command, install_command_without_curl])
    def test_shows_the_token_to_the_shell_alone(self, make: Callable[..., str]) -> None:
        prepare_console()

        command = make(HOSTILE, name="console.example")

        # `printf` is a part of the shell; whatever else stands there is a program with arguments.
        before, token, rest = command.partition(shlex.quote(HOSTILE))
        assert before == "{ printf 'Authorization: Bearer %s\\n' "
        assert token
        assert "owned" not in rest

    @pytest.mark.django_db
    @pytest.mark.parametrize("make", [install_command, install_command_without_curl])
    def test_fails_and_says_so_when_nothing_comes(
        self, make: Callable[..., str], tmp_path: Path
    ) -> None:
        prepare_console()
        (tmp_path / "sh").symlink_to("/bin/sh")
        line = make("token", name="localhost")

        result = subprocess.run(
            ["/bin/sh", "-c", line],
            env={"PATH": str(tmp_path)},
            text=True,
            capture_output=True,
            check=False,
        )

        assert result.returncode == 1
        assert "nothing was installed" in result.stderr

    @pytest.mark.django_db
    def test_puts_an_ipv6_address_into_brackets(self) -> None:
        prepare_console()

        assert "https://[2001:db8::1]:17443/install" in install_command("t", name="2001:db8::1")


@pytest.mark.django_db
class TestInstaller:
    @pytest.fixture(autouse=True)
    def console(self, valkey: redis.Redis) -> None:
        valkey.flushdb()
        prepare_console()

    def test_is_posix_shell_and_quotes_what_it_carries(self, tmp_path: Path) -> None:
        script = installer_script(HOSTILE, name="console.example")

        path = tmp_path / "install.sh"
        path.write_text(script)
        subprocess.run(["sh", "-n", str(path)], check=True)
        assert f"token={shlex.quote(HOSTILE)}\n" in script
        assert "#VALUES#" not in script

    def test_that_was_cut_off_does_nothing(self, tmp_path: Path) -> None:
        script = installer_script("token", name="console.example")
        cut = script.removesuffix('install_agent "$@"\n')
        assert cut != script

        result = subprocess.run(["sh"], input=cut, text=True, capture_output=True, check=False)

        assert result.returncode == 0
        assert result.stdout == ""

    def test_is_given_to_who_holds_a_token(self) -> None:
        headers = {"Authorization": f"Bearer {enrolment_token()}"}

        answer = ask(public_application, "GET", "/install", headers=headers)

        assert answer.status == 200
        assert answer.headers["content-type"] == "text/x-shellscript"
        assert answer.body.startswith(b"#!/bin/sh\n")

    def test_fetches_a_bundle_that_can_be_resumed(self) -> None:
        headers = {"Authorization": f"Bearer {enrolment_token()}"}

        whole = ask(public_application, "GET", "/bundle", headers=headers)
        end = ask(
            public_application, "GET", "/bundle", headers={**headers, "Range": "bytes=100000-"}
        )

        assert (whole.status, end.status) == (200, 206)
        assert whole.headers["etag"] == f'"{hashlib.sha256(whole.body).hexdigest()}"'
        assert end.body == whole.body[100_000:]

    @pytest.mark.parametrize("path", ["/install", "/bundle"])
    @pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer ../../x"}])
    def test_is_refused_to_anybody_else(self, path: str, headers: dict[str, str]) -> None:
        answer = ask(public_application, "GET", path, headers=headers)

        assert answer.status == 403
        assert answer.headers["content-type"] == "application/problem+json"

    @pytest.mark.parametrize(
        ("options", "reason"),
        [
            (["--prefix", "relative"], "absolute path"),
            (["--prefix", "/"], "absolute path"),
            (["--home", "relative"], "absolute path"),
            (["--prefix", "/opt/a", "--home", "/opt/a/home"], "inside of --prefix"),
            (["--prefix"], "needs a directory"),
            (["--surprise"], "unknown option"),
        ],
    )
    def test_refuses_wrong_options_before_anything_is_done(
        self, options: list[str], reason: str
    ) -> None:
        script = installer_script("token", name="console.example")

        result = subprocess.run(
            ["sh", "-s", "--", *options], input=script, text=True, capture_output=True, check=False
        )

        assert result.returncode == 1
        assert reason in result.stderr

    def test_does_not_touch_a_folder_of_somebody_else(self, tmp_path: Path) -> None:
        script = installer_script("token", name="console.example")
        (tmp_path / "precious").write_text("mine")
        function = script.removesuffix('install_agent "$@"\n') + (
            f'read_options --prefix {tmp_path}\nwork="$(mktemp -d)"; mkdir "$work/program"\n'
            "install_program\n"
        )

        result = subprocess.run(["sh"], input=function, text=True, capture_output=True, check=False)

        assert result.returncode == 1
        assert "holds something else" in result.stderr
        assert (tmp_path / "precious").read_text() == "mine"

    @pytest.mark.parametrize("enrolment", ["true", "false"])
    def test_stops_the_service_before_it_changes_and_starts_it_whatever_happens(
        self, tmp_path: Path, enrolment: str
    ) -> None:
        (tmp_path / "systemd").mkdir()
        (tmp_path / "unit").touch()
        script = installer_script("token", name="console.example")
        function = script.removesuffix('install_agent "$@"\n') + (
            f"unit={tmp_path}/unit\nsystemd={tmp_path}/systemd\n"
            "check_computer() { :; }\nfetch_program() { echo fetched; }\n"
            "install_program() { echo installed; }\ninstall() { :; }\n"
            f"enrol() {{ echo enrolling; {enrolment}; }}\n"
            'systemctl() { echo "$1"; }\ninstall_agent --replace\n'
        )

        result = subprocess.run(["sh"], input=function, text=True, capture_output=True, check=False)

        steps = [line for line in result.stdout.splitlines() if " " not in line]
        assert steps[:4] == ["fetched", "stop", "installed", "enrolling"]
        assert steps[4:] in (["daemon-reload", "enable", "restart"], ["start"])
        assert (result.returncode == 0) == (enrolment == "true")

    def test_leaves_the_service_alone_when_it_installs_elsewhere(self, tmp_path: Path) -> None:
        (tmp_path / "unit").touch()
        script = installer_script("token", name="console.example")
        function = script.removesuffix('install_agent "$@"\n') + (
            f"unit={tmp_path}/unit\nsystemd={tmp_path}\nread_options --prefix /srv/agent\n"
            "systemctl() { echo touched; }\nstop_service\n"
        )

        result = subprocess.run(["sh"], input=function, text=True, capture_output=True, check=False)

        assert (result.returncode, result.stdout) == (0, "")


@pytest.fixture
def public_port(settings: Any, valkey: redis.Redis) -> Iterator[int]:
    """Serve the public application over TLS on a free port of the loopback address."""
    valkey.flushdb()
    settings.VEDETTE_NAMES = ["localhost", "127.0.0.1"]
    prepare_console()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = settings.VEDETTE_STATUS_PORT = listener.getsockname()[1]
        config = uvicorn.Config(
            public_application,
            log_config=None,
            lifespan="off",
            ssl_context_factory=lambda _config, _default: tls.server_context(
                require_client=False, keys_directory=settings.KEYS_DIR
            ),
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        deadline = time.monotonic() + 10
        while not server.started and time.monotonic() < deadline:
            time.sleep(0.01)
        yield port
        server.should_exit = True
        thread.join(timeout=10)


def _sh(command: str) -> subprocess.CompletedProcess[str]:
    # As on a computer that has never seen this environment.
    environment = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": os.environ.get("HOME", "/")}
    return subprocess.run(
        ["sh", "-c", command],
        env=environment,
        text=True,
        capture_output=True,
        check=False,
        timeout=90,
    )


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
class TestInstallation:
    def test_by_the_one_line_enrols_and_a_second_run_updates(
        self, public_port: int, tmp_path: Path
    ) -> None:
        line = install_command(enrolment_token(uses=2), name="localhost")
        prefix, home = tmp_path / "program", tmp_path / "home"
        command = f"{line} -s -- --no-service --prefix {prefix} --home {home}"

        installed = _sh(command)

        assert installed.returncode == 0, installed.stderr
        assert Endpoint.objects.get().enrolled_with == "tests"
        assert (home / "etc" / "endpoint.pem").stat().st_mode & 0o077 == 0
        status = _sh(f"cd {prefix} && .venv/bin/python -m agent --home {home} status")
        assert status.returncode == 3, "installed, and not running"
        unit = (prefix / "vedette-agent.service").read_text()
        assert "/.venv/bin/python -m agent run" in unit

        again = _sh(command)

        assert "its identity stays" in again.stdout, again.stderr
        assert Endpoint.objects.count() == 1
        removed = _sh(f"cd {prefix} && .venv/bin/python -m agent --home {home} uninstall --yes")
        assert removed.returncode == 0, removed.stderr
        assert f"removed {prefix}" in removed.stdout
        assert not prefix.exists()
        assert not home.exists()

    def test_with_another_key_than_the_pinned_one_sends_nothing(
        self, public_port: int, settings: Any
    ) -> None:
        line = install_command(enrolment_token(), name="localhost")
        pin = tls.public_key_pin(settings.KEYS_DIR)
        wrong = line.replace(pin, f"sha256//{'A' * 43}=")

        refused = _sh(wrong)

        assert "public key" in refused.stderr, "curl: it does not match the pinned one"
        assert (refused.returncode, refused.stdout) == (1, "")
        assert not Endpoint.objects.exists()

    def test_without_curl_enrols(self, public_port: int, tmp_path: Path) -> None:
        line = install_command_without_curl(enrolment_token(), name="localhost")
        prefix, home = tmp_path / "program", tmp_path / "home"

        installed = _sh(f"{line} -s -- --no-service --prefix {prefix} --home {home}")

        assert installed.returncode == 0, installed.stderr
        assert Endpoint.objects.get().enrolled_with == "tests"

    def test_without_curl_sends_nothing_to_another_certificate(
        self, public_port: int, settings: Any
    ) -> None:
        line = install_command_without_curl(enrolment_token(), name="localhost")
        wrong = line.replace(tls.server_fingerprint(settings.KEYS_DIR), "0" * 64)

        refused = _sh(wrong)

        assert "not this console: nothing was sent" in refused.stderr
        assert refused.returncode == 1

    def test_without_curl_says_why_the_console_refused(self, public_port: int) -> None:
        refused = _sh(install_command_without_curl("unknown", name="localhost"))

        assert "the console refused" in refused.stderr
        assert refused.returncode == 1
