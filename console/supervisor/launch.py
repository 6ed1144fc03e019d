"""The way from an empty machine to a console that answers: each step once, in order."""

from __future__ import annotations

import io
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.utils import timezone

from console.access.services import FIRST_ADMINISTRATOR, ensure_first_administrator
from console.certificates import authority, tls
from console.certificates.services import create_enrolment_token
from console.certificates.signing import ensure_signing_key
from console.core.actor import Actor
from console.core.secrets import read_secret, url_without_secrets
from console.supervisor import startup
from console.supervisor.narration import Narrator
from console.supervisor.programs import (
    agent,
    agent_is_wanted,
    console_programs,
    valkey,
    valkey_server_path,
)
from console.supervisor.supervision import Supervisor

ACTOR = Actor.system("supervisor")
# Seconds that the console's own programs may take.
READY_WITHIN = 90


class Launch:
    """Starts everything under one supervisor, and tells the narrator about it."""

    def __init__(self, supervisor: Supervisor, narrator: Narrator) -> None:
        self._supervisor = supervisor
        self._narrator = narrator

    def run(self) -> None:
        """Return when all is up.

        Raises CannotStart with the reason when something fails, CommandError for settings that
        are wrong, and StopRequested between two steps.
        """
        began = time.monotonic()
        wanted_password = read_secret("VEDETTE_ADMIN_PASSWORD")
        # No program needs it, and a program's environment can be read for as long as it runs.
        os.environ.pop("VEDETTE_ADMIN_PASSWORD", None)
        call_command("check", fail_level="ERROR", stdout=io.StringIO())
        startup.check_ports_are_free()
        self._start_redis()
        self._prepare()
        password = self._ensure_administrator(wanted_password)
        self._start_console()
        if agent_is_wanted():
            self._start_agent()
        self._welcome(password, time.monotonic() - began)

    @property
    def _authority(self) -> Path:
        return Path(settings.KEYS_DIR) / tls.AUTHORITY_CERTIFICATE

    @contextmanager
    def _step(self, title: str) -> Iterator[None]:
        self._supervisor.refuse_when_stopping()
        with self._narrator.step(title):
            yield

    def _start_redis(self) -> None:
        if settings.REDIS_IS_EMBEDDED:
            with self._step(f"Starting Valkey ({valkey_server_path()})"):
                self._supervisor.start(valkey())
                self._supervisor.wait_until(startup.redis_problem, what="Valkey", within=30)
            return
        with self._step(f"Asking Redis ({url_without_secrets(settings.REDIS_URL)})"):
            self._supervisor.wait_until(
                startup.redis_problem, what="the Redis of REDIS_URL", within=30
            )

    def _prepare(self) -> None:
        now = timezone.now()
        with self._step("Preparing the database"):
            call_command("migrate", interactive=False, verbosity=0)
        with self._step("Preparing keys and certificates"):
            authority.ensure_authority(now)
            authority.ensure_server_certificate(settings.VEDETTE_NAMES, now)
            ensure_signing_key(now)
        with self._step("Preparing pages"):
            startup.prepare_static_files()

    def _ensure_administrator(self, wanted_password: str) -> str:
        """Return what to say about the password of the first administrator."""
        administrators = get_user_model().objects.filter(is_superuser=True)
        there_was_one = administrators.exists()
        generated = ensure_first_administrator(
            password=wanted_password, actor=ACTOR, now=timezone.now()
        )
        if generated:
            return f"{generated}   (shown once; change it after the first login)"
        if not there_was_one:
            return "the one in VEDETTE_ADMIN_PASSWORD"
        if wanted_password:
            self._narrator.say(
                "  VEDETTE_ADMIN_PASSWORD is not used: there is an administrator already, whose\n"
                "  password stays as it is."
            )
        return "as set before; ./vedette manage changepassword admin resets it"

    def _start_console(self) -> None:
        programs = console_programs()
        with self._step(f"Starting {', '.join(program.name for program in programs)}"):
            for program in programs:
                self._supervisor.refuse_when_stopping()
                self._supervisor.start(program)
            self._supervisor.wait_until(
                lambda: startup.console_problem(self._authority),
                what="the console",
                within=READY_WITHIN,
            )

    def _start_agent(self) -> None:
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
            self._supervisor.start(agent())
        if os.geteuid() != 0:
            self._narrator.say(
                "  Not root: the agent cannot use eBPF, fanotify or audit here, so it records no\n"
                "  events of the kernel. Run ./vedette up as root to see everything."
            )

    def _welcome(self, password: str, seconds: float) -> None:
        self._supervisor.refuse_when_stopping()
        say = self._narrator.say
        say(f"\nReady after {seconds:.1f} s")
        say(f"  address:   https://localhost:{settings.VEDETTE_WEB_PORT}/")
        say(f"  user name: {FIRST_ADMINISTRATOR}\n  password:  {password}")
        say(f"  authority: {self._authority}   (import it where the browser warns)")
        say(f"  logs:      {settings.DATA_DIR / 'logs'}\n  Ctrl-C stops everything.")
