"""The grid over an answer of one million distinct rows: time and number of queries per window.

    python -m benchmarks.answers_grid [--rows 1000000] [--postgres]

Windows as a user takes them: the first one, scrolling, jumping to the middle and the end; in the
usual order, sorted by a column, filtered, searched, grouped; as somebody who reaches everything and
as somebody who reaches one of two groups. The first window of an order finds it; p95 is over all.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.gateway import show
from benchmarks.postgres import postgres
from tests.console_processes import ConsoleProcesses

# Runs in the console's environment.
_MEASURE = """
import json, statistics, sys, time
from datetime import UTC, datetime, timedelta
import django
django.setup()
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from console.access.models import User
from console.core.actor import Actor
from console.endpoints.models import ComputerGroup, Endpoint, Membership
from console.endpoints.reach import EVERYTHING, Reach
from console.questions.answer_tables import Given, write_given
from console.questions.answers import digest_of
from console.questions.grid import GridRequest, window
from console.questions.grid_sql import ColumnFilter, SortBy
from console.questions.models import Question, QuestionTarget
from console.questions.services import ask

total = int(sys.argv[1])
now = datetime.now(UTC)
user = User.objects.create_superuser("bench", password=None)
question = ask("Get Computer Name and Uptime from all machines", user=user,
               actor=Actor("bench"), now=now)
ids = list(Endpoint.objects.order_by("pk").values_list("pk", flat=True))
group = ComputerGroup.objects.create(name="Half", kind="manual", created_at=now)
Membership.objects.bulk_create(
    [Membership(group=group, endpoint_id=each) for each in ids[::2]], batch_size=500)
began = time.monotonic()
for start in range(0, total, 50_000):
    given = Given()
    for number in range(start, min(total, start + 50_000)):
        row = (f"path/{number * 7919 % total:07}/file", str(number * 104729 % total))
        row += ("",) * (len(question.columns) - 2)
        encoded, digest = digest_of(row[: len(question.columns)])
        given.rows[digest] = encoded
        given.times[digest] += 1
        given.answers.append((ids[number % len(ids)], digest, 1))
    with transaction.atomic():
        write_given(question.pk, given)
found = {"fill_s": time.monotonic() - began}
QuestionTarget.objects.filter(question=question).update(state="answered")
Question.objects.filter(pk=question.pk).update(answered=len(ids), ended_at=now)
question.refresh_from_db()
if connection.vendor == "postgresql":
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")

requests = {
    "usual": GridRequest(),
    "sorted": GridRequest(sort=(SortBy(column=0),)),
    "number": GridRequest(sort=(SortBy(column=1, descending=True),)),
    "filtered": GridRequest(filters=(ColumnFilter(column=0, operator="containing", value="77"),)),
    "searched": GridRequest(search="4242"),
}
half = Reach(group_ids=frozenset({group.pk}))
times, queries = [], []
for who, reach in (("all", EVERYTHING), ("half", half)):
    for name, request in requests.items():
        first = 0.0
        size = 0
        for place in (0, 0, 100, 200, 300, 400, 0.25, 0.5, 0.75, 0.9, 0.999):
            offset = int(place * size) if 0 < place < 1 else int(place)
            began = time.monotonic()
            with CaptureQueriesContext(connection) as captured:
                got = window(question, reach, request, offset=offset, limit=100)
            took = time.monotonic() - began
            size = got.total
            first = first or took
            times.append(took)
            queries.append(len(captured))
        found[f"{who}_{name}_first_s"] = first
        found[f"{who}_{name}_later_ms"] = 1000 * statistics.median(times[-10:])
times.sort()
found["p50_ms"] = 1000 * times[len(times) // 2]
found["p95_ms"] = 1000 * times[int(len(times) * 0.95)]
found["queries_most"] = max(queries)
found["queries_median"] = statistics.median(queries)
print(json.dumps(found))
"""


def measure(
    data: Path, rows: int, endpoints: int, environment: dict[str, str] | None = None
) -> dict[str, Any]:
    """Fill a console with one large answer and look at it."""
    console = ConsoleProcesses(data, environment=environment)
    try:
        console.prepare()
        console.populate(endpoints)
        found: dict[str, Any] = json.loads(console.run_python(_MEASURE, str(rows)).splitlines()[-1])
    finally:
        console.stop()
    return found


def main() -> None:
    """Measure what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--endpoints", type=int, default=1000)
    parser.add_argument("--postgres", action="store_true", help="also on PostgreSQL")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="vedette-bench-") as directory:
        base = Path(directory)
        base.chmod(0o755)
        show("SQLite", measure(base / "sqlite", options.rows, options.endpoints))
        if options.postgres:
            with postgres(base / "postgres") as url:
                environment = {"DATABASE_URL": url}
                found = measure(base / "scaled", options.rows, options.endpoints, environment)
            show("PostgreSQL", found)


if __name__ == "__main__":
    main()
