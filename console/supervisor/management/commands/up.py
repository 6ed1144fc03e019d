"""Start everything on this machine; stop it in order on Ctrl-C."""

from __future__ import annotations

import signal
import sys
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from console.supervisor import startup
from console.supervisor.exceptions import CannotStart, StopRequested
from console.supervisor.launch import Launch
from console.supervisor.narration import Narrator
from console.supervisor.reasons import told_in_one_sentence
from console.supervisor.supervision import Supervisor


class Command(BaseCommand):
    """`manage.py up`: what `./vedette up` runs."""

    help = "Start the console on this machine, with an agent; Ctrl-C stops everything in order."
    requires_system_checks = ()
    launch_class = Launch

    def handle(self, *args: Any, **options: Any) -> None:
        """Run until stopped. Raises CommandError with the reason when it cannot start."""
        narrator = Narrator(sys.stdout)
        narrator.say(f"Vedette, data in {settings.DATA_DIR}")
        supervisor = Supervisor(
            log_directory=settings.DATA_DIR / "logs",
            report=lambda text: narrator.say(f"! {text}"),
        )
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda *_: supervisor.request_stop())
        try:
            with told_in_one_sentence(), startup.claimed_data_directory():
                try:
                    self.launch_class(supervisor, narrator).run()
                    supervisor.watch()
                except StopRequested:
                    narrator.say("\nNot everything was started yet.")
                finally:
                    narrator.say("\nStopping")
                    supervisor.stop()
                    narrator.say("Stopped; all data is kept.")
        except CannotStart as refusal:
            raise CommandError(str(refusal)) from refusal
