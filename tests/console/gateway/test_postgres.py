"""What is other on PostgreSQL than on SQLite: how instructions are written, and how locks end."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from benchmarks.postgres import postgres
from console.core.health import REPORT_LIFETIME
from console.gateway.lock_patience import LOCK_PATIENCE
from tests.console_processes import ConsoleProcesses

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

# Runs in the console's environment: two instructions for each endpoint, and how the first ended.
_SEND_AND_COMPLETE = """
import json, uuid
import django
django.setup()
from datetime import UTC, datetime, timedelta
from django.db import transaction
from console.core.actor import Actor
from console.endpoints.models import Endpoint
from console.gateway.models import OutboundInstruction
from console.gateway.services import (
    complete_instructions, restore_waiting_instructions, send_instruction
)
from console.core.redis import client
from protocol.instructions import ReplaceCertificate
from protocol.messages import InstructionCompleted
ids = sorted(Endpoint.objects.values_list("pk", flat=True))
now = datetime.now(UTC)
sent = [
    send_instruction(
        ids, ReplaceCertificate(address=address), actor=Actor.system("tests"), now=now,
        lifetime=timedelta(hours=1),
    )
    for address in ("first:1", "second:1")
]
outcomes = (("done", "it\\u2019s \\\\ {\\"\\x00"), ("failed", ""))
reports = [
    (
        endpoint_id,
        InstructionCompleted(id=uuid.uuid4(), sequence=1, outcome=outcome, detail=detail),
        int(now.timestamp() * 1e6),
    )
    for endpoint_id in ids for outcome, detail in outcomes
]
with transaction.atomic():
    complete_instructions(reports)
with client() as redis:
    redis.flushdb()
rows = OutboundInstruction.objects.order_by("endpoint", "sequence")
print(json.dumps({
    "sent": sent,
    "restored": restore_waiting_instructions(now=now),
    "rows": list(rows.values_list("sequence", "state", "detail", "kind")),
    "kept": [len(row.envelope) > 0 for row in rows],
    "times": all(row.created_at == now and row.completed_at in (None, now) for row in rows),
}))
"""

# The ingester's connection meets a row that another one holds.
_WAIT_FOR_A_LOCK = """
import json, time
import django
django.setup()
import psycopg
from django.db import DatabaseError, connection, transaction
from console.endpoints.models import Endpoint
from console.gateway.ingest import trouble_of
from console.gateway.lock_patience import wait_briefly_for_locks
connection.ensure_connection()
wait_briefly_for_locks()
holder = psycopg.connect(**connection.get_connection_params())
holder.execute("SELECT 1 FROM endpoints_endpoint FOR UPDATE")
began = time.monotonic()
try:
    with transaction.atomic():
        list(Endpoint.objects.select_for_update())
except DatabaseError as error:
    print(json.dumps({"waited": time.monotonic() - began, "trouble": trouble_of(error)}))
holder.close()
"""


@pytest.fixture
def console(tmp_path: Path) -> Iterator[ConsoleProcesses]:
    """Prepare a console on a PostgreSQL server of its own."""
    if not list(Path("/usr/lib/postgresql").glob("*/bin")) and not os.environ.get("CI"):
        pytest.skip("needs PostgreSQL: apt-get install postgresql")
    with TemporaryDirectory(prefix="vedette-postgres-") as directory, ExitStack() as stack:
        # The server runs as another user when the tests run as root, and pytest's own folders are
        # closed to others.
        Path(directory).chmod(0o755)
        url = stack.enter_context(postgres(Path(directory) / "server"))
        processes = ConsoleProcesses(tmp_path / "data", environment={"DATABASE_URL": url})
        try:
            processes.prepare()
            yield processes
        finally:
            processes.stop()


class TestInstructionsOnPostgres:
    def test_are_stored_closed_once_and_restored(self, console: ConsoleProcesses) -> None:
        count = len(console.populate(3))

        found = json.loads(console.run_python(_SEND_AND_COMPLETE))

        first = [1, "DONE", 'it\u2019s \\ {"\ufffd', "certificate.replace"]
        second = [2, "WAITING", "", "certificate.replace"]
        assert found["sent"] == [count, count]
        assert found["rows"] == [first, second] * count
        assert found["restored"] == count
        assert found["times"]
        assert found["kept"] == [False, True] * count


class TestLocksOnPostgres:
    def test_are_not_waited_for_longer_than_health_is_reported(
        self, console: ConsoleProcesses
    ) -> None:
        console.populate(1)

        found = json.loads(console.run_python(_WAIT_FOR_A_LOCK))

        assert LOCK_PATIENCE <= found["waited"] < REPORT_LIFETIME
        assert found["trouble"] == "the database is locked"
