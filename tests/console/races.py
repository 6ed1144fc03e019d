"""Let threads race for what may be had once, on a database file as programs share it.

Runs by itself (`python -m tests.console.races`), with a data directory of its own: the database of
the test run lives in memory, where threads do not wait for each other. Prints one line of JSON.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import django
from django.core.management import call_command
from django.db import connections
from django.utils.module_loading import import_string

RACERS: Final = 8
TICKET: Final = "ticket"


def race(attempt: Callable[[], Any], *refusals: type[Exception]) -> list[str]:
    """Let everybody try at the same moment; tell how it ended for each of them."""
    together = threading.Barrier(RACERS)

    def run(_: int) -> str:
        together.wait()
        try:
            attempt()
        except refusals:
            return "refused"
        finally:
            connections.close_all()
        return "done"

    with ThreadPoolExecutor(RACERS) as pool:
        return sorted(pool.map(run, range(RACERS)))


def main() -> int:
    """Race for a token's last use, for a session's ticket, and for the end of the audit chain."""
    django.setup()
    call_command("migrate", verbosity=0)
    # By name: models can be imported from here on only.
    computers = importlib.import_module("tests.console.computers")
    enrol = import_string("console.endpoints.services.enrol_endpoint")
    computers.prepare_console()
    token = computers.enrolment_token()
    joined = race(
        lambda: enrol(
            computers.enrolment_request(token), source_address="192.0.2.1", now=computers.NOW
        ),
        import_string("console.certificates.exceptions.EnrolmentTokenRefused"),
    )
    attached = race(
        _attachment(computers), import_string("directconnect.exceptions.AttachmentRefused")
    )
    verdict = import_string("console.audit.chain.verify_chain")()
    found = {"joined": joined, "attached": attached, "events": verdict.checked}
    sys.stdout.write(json.dumps({**found, "intact": verdict.is_intact}) + "\n")
    return 0


def _attachment(computers: Any) -> Callable[[], Any]:
    endpoint = import_string("console.endpoints.models.Endpoint").objects.get()
    user = import_string("console.access.models.User").objects.create(username="ada")
    session = import_string("directconnect.models.Session").objects.create(
        endpoint=endpoint,
        opened_by=user,
        requested_at=computers.NOW,
        ticket_digest=hashlib.sha256(TICKET.encode()).hexdigest(),
    )
    attach = import_string("directconnect.services.attach_endpoint")
    return lambda: attach(
        session.pk,
        ticket=TICKET,
        endpoint_id=endpoint.pk,
        fingerprint=endpoint.certificate.fingerprint,
        now=computers.NOW,
    )


if __name__ == "__main__":
    sys.exit(main())
