"""Background jobs of certificates; each is one call of a service."""

from __future__ import annotations

from typing import Final

from django.conf import settings
from django.utils import timezone

from console.celery import app
from console.certificates import authority

DAILY: Final = 24 * 3600.0


@app.task(name="certificates.keep_fresh")  # type: ignore[untyped-decorator] # celery has no types
def keep_fresh() -> None:
    """Renew the server certificate in time and write the revocation list again."""
    now = timezone.now()
    authority.ensure_server_certificate(settings.VEDETTE_NAMES, now)
    authority.publish_revocation_list(now)


app.add_periodic_task(DAILY, keep_fresh.s(), name="keep certificates fresh")
