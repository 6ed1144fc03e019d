"""`manage.py verify_audit_chain` tells whether an audit event was changed or removed."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from console.audit.chain import verify_chain


class Command(BaseCommand):
    """Check every digest of the audit log; exit code 1 when one does not hold."""

    help = "Check that no audit event was changed or removed."

    def handle(self, *_: Any, **__: Any) -> None:
        """Print how many events were checked. Raises CommandError at the first wrong one."""
        verdict = verify_chain()
        if not verdict.is_intact:
            raise CommandError(f"broken at event {verdict.broken_at}: {verdict.reason}")
        self.stdout.write(f"intact: {verdict.checked} events")
