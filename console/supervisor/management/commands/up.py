"""Start everything on this machine; stop it in order on Ctrl-C."""

from __future__ import annotations

import io
import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from console.access.services import ensure_first_administrator
from console.certificates import authority, tls
from console.certificates.services import create_enrolment_token
from console.certificates.signing import ensure_signing_key
from console.core.actor import Actor
from console.core.secrets import read_secret
from console.supervisor import startup
from console.supervisor.exceptions import CannotStart
from console.supervisor.programs import (
    agent,
    agent_is_wanted,
    console_programs,
    valkey,
    valkey_server_path,
)
from console.supervisor.supervision import Supervisor

ACTOR = Actor.system("supervisor")


class Command(BaseCommand):
    """`manage.py up`: what `./vedette up` runs."""

    help = "Start the console on this machine, with an agent; Ctrl-C stops everything in order."
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        """Run until stopped. Raises CommandError with the reason when it cannot start."""
        began = time.monotonic()
        self._say(f"Vedette, data in {settings.DATA_DIR}")
        supervisor = Supervisor(
            log_directory=settings.DATA_DIR / "logs", report=lambda text: self._say(f"! {text}")
        )
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda *_: supervisor.request_stop())
        try:
            with startup.claimed_data_directory():
                try:
                    self._start(supervisor, began)
                    supervisor.watch()
                finally:
                    self._say("\nStopping")
                    supervisor.stop()
                    self._say("Stopped; all data is kept.")
        except CannotStart as refusal:
            raise CommandError(str(refusal)) from refusal

    @property
    def _authority(self) -> Path:
        return Path(settings.KEYS_DIR) / tls.AUTHORITY_CERTIFICATE

    def _start(self, supervisor: Supervisor, began: float) -> None:
        now = timezone.now()
        startup.check_ports_are_free()
        if "REDIS_URL" in os.environ:
            self._say(f"  Redis: {settings.REDIS_URL} (REDIS_URL)")
        else:
            with self._step(f"Starting Valkey ({valkey_server_path()})"):
                supervisor.start(valkey())
                supervisor.wait_until(startup.valkey_answers, what="Valkey", within=30)
        with self._step("Preparing the database"):
            call_command("check", fail_level="ERROR", stdout=io.StringIO())
            call_command("migrate", interactive=False, verbosity=0)
        with self._step("Preparing keys and certificates"):
            authority.ensure_authority(now)
            authority.ensure_server_certificate(settings.VEDETTE_NAMES, now)
            ensure_signing_key(now)
        with self._step("Preparing pages"):
            startup.prepare_static_files()
        password = ensure_first_administrator(
            password=read_secret("VEDETTE_ADMIN_PASSWORD"), actor=ACTOR, now=now
        )
        # No program needs it from here on, and a program's environment can be read for as long
        # as it runs.
        os.environ.pop("VEDETTE_ADMIN_PASSWORD", None)
        programs = console_programs()
        with self._step(f"Starting {', '.join(program.name for program in programs)}"):
            for program in programs:
                supervisor.start(program)
            supervisor.wait_until(
                lambda: startup.console_health(self._authority)[0],
                what="the console",
                within=90,
            )
        self._start_agent(supervisor)
        if not supervisor.is_stopping:
            self._welcome(password, time.monotonic() - began)

    def _start_agent(self, supervisor: Supervisor) -> None:
        if not agent_is_wanted() or supervisor.is_stopping:
            return
        if not startup.agent_is_enrolled():
            with self._step("Enrolling an agent on this machine"):
                now = timezone.now()
                token = create_enrolment_token(
                    name="this machine",
                    uses=1,
                    expires_at=now + timedelta(minutes=startup.AGENT_TOKEN_LIFETIME_MINUTES),
                    actor=ACTOR,
                    now=now,
                )
                startup.enrol_agent(authority=self._authority, token=token.plain)
        with self._step("Starting the agent"):
            supervisor.start(agent())
        if os.geteuid() != 0:
            self._say(
                "  Not root: the agent cannot use eBPF, fanotify or audit here, so it records no\n"
                "  events of the kernel. Run ./vedette up as root to see everything."
            )

    def _welcome(self, password: str | None, seconds: float) -> None:
        self._say(f"\nReady after {seconds:.1f} s")
        self._say(f"  address:   https://localhost:{settings.VEDETTE_WEB_PORT}/")
        self._say("  user name: admin")
        if password:
            self._say(f"  password:  {password}   (shown once; change it after the first login)")
        else:
            self._say("  password:  as set before; ./vedette manage changepassword admin resets it")
        self._say(f"  authority: {self._authority}   (import it where the browser warns)")
        self._say(f"  logs:      {settings.DATA_DIR / 'logs'}\n  Ctrl-C stops everything.")

    @contextmanager
    def _step(self, title: str) -> Iterator[None]:
        began = time.monotonic()
        self._write(f"  {title} ... ")
        try:
            yield
        except BaseException:
            self._write("failed\n")
            raise
        self._write(f"{time.monotonic() - began:.1f} s\n")

    def _say(self, text: str) -> None:
        self._write(text + "\n")

    def _write(self, text: str) -> None:
        self.stdout.write(text, ending="")
        sys.stdout.flush()
