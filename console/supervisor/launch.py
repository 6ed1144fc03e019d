"""The way from an empty machine to a console that answers: each step once, in order."""

from __future__ import annotations

import io
import os
import time
from datetime import timedelta
from pathlib import Path

from django.conf import settings
from django.core.management import call_command
from django.utils import timezone

from console.access.services import ensure_first_administrator
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


class Launch:
    """Starts everything under one supervisor, and tells the narrator about it."""

    def __init__(self, supervisor: Supervisor, narrator: Narrator) -> None:
        self._supervisor = supervisor
        self._narrator = narrator

    @property
    def _authority(self) -> Path:
        return Path(settings.KEYS_DIR) / tls.AUTHORITY_CERTIFICATE

    def run(self) -> None:
        """Return when all is up. Raises CannotStart with the reason otherwise."""
        began = time.monotonic()
        step = self._narrator.step
        now = timezone.now()
        wanted_password = read_secret("VEDETTE_ADMIN_PASSWORD")
        # No program needs it, and a program's environment can be read for as long as it runs.
        os.environ.pop("VEDETTE_ADMIN_PASSWORD", None)
        startup.check_ports_are_free()
        if settings.REDIS_IS_EMBEDDED:
            with step(f"Starting Valkey ({valkey_server_path()})"):
                self._supervisor.start(valkey())
                self._supervisor.wait_until(startup.valkey_answers, what="Valkey", within=30)
        else:
            self._narrator.say(f"  Redis: {url_without_secrets(settings.REDIS_URL)} (REDIS_URL)")
        with step("Preparing the database"):
            call_command("check", fail_level="ERROR", stdout=io.StringIO())
            call_command("migrate", interactive=False, verbosity=0)
        with step("Preparing keys and certificates"):
            authority.ensure_authority(now)
            authority.ensure_server_certificate(settings.VEDETTE_NAMES, now)
            ensure_signing_key(now)
        with step("Preparing pages"):
            startup.prepare_static_files()
        password = ensure_first_administrator(password=wanted_password, actor=ACTOR, now=now)
        programs = console_programs()
        with step(f"Starting {', '.join(program.name for program in programs)}"):
            for program in programs:
                self._supervisor.start(program)
            self._supervisor.wait_until(
                lambda: startup.console_health(self._authority)[0],
                what="the console",
                within=90,
            )
        self._start_agent()
        if not self._supervisor.is_stopping:
            self._welcome(password, time.monotonic() - began)

    def _start_agent(self) -> None:
        if not agent_is_wanted() or self._supervisor.is_stopping:
            return
        if not startup.agent_is_enrolled():
            with self._narrator.step("Enrolling an agent on this machine"):
                now = timezone.now()
                token = create_enrolment_token(
                    name="this machine",
                    uses=1,
                    expires_at=now + timedelta(minutes=startup.AGENT_TOKEN_LIFETIME_MINUTES),
                    actor=ACTOR,
                    now=now,
                )
                startup.enrol_agent(authority=self._authority, token=token.plain)
        with self._narrator.step("Starting the agent"):
            self._supervisor.start(agent())
        if os.geteuid() != 0:
            self._narrator.say(
                "  Not root: the agent cannot use eBPF, fanotify or audit here, so it records no\n"
                "  events of the kernel. Run ./vedette up as root to see everything."
            )

    def _welcome(self, password: str | None, seconds: float) -> None:
        say = self._narrator.say
        say(f"\nReady after {seconds:.1f} s")
        say(f"  address:   https://localhost:{settings.VEDETTE_WEB_PORT}/")
        say("  user name: admin")
        if password:
            say(f"  password:  {password}   (shown once; change it after the first login)")
        else:
            say("  password:  as set before; ./vedette manage changepassword admin resets it")
        say(f"  authority: {self._authority}   (import it where the browser warns)")
        say(f"  logs:      {settings.DATA_DIR / 'logs'}\n  Ctrl-C stops everything.")
