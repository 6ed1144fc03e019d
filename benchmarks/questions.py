"""Targets C1, C2, C4 and C12 for questions: from the question to the last committed answer.

    python -m benchmarks.questions [--count 5000] [--rounds 5] [--postgres] [--no-rival] [--rows]

The whole way in one run on one machine: ask, seal, Redis, gateway, simulated agents, stream,
ingester, rows with counts; beside a Channels consumer that creates one row per answer with the ORM.
C4 is the last part alone: answers that are handed to the service in the batches of the ingester,
beside the same rows written by the ORM with one commit per answer.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from benchmarks.gateway import FleetProcess, Meter, bench_rival, running_console, show
from benchmarks.postgres import postgres
from tests.console_processes import ConsoleProcesses

# Runs in the console's environment: asks everybody, then waits until everybody's answer counts.
_ASK = """
import json, sys, time
from datetime import UTC, datetime
import django
django.setup()
from console.access.models import User
from console.core.actor import Actor
from console.questions.models import AnswerRow, Question
from console.questions.services import ask
user = User.objects.filter(username="bench").first()
user = user or User.objects.create_superuser("bench", password=None)
for _ in range(int(sys.argv[2])):
    began = time.monotonic()
    question = ask("Get Computer Name and IP Address from all machines", user=user,
                   actor=Actor("bench"), now=datetime.now(UTC))
    asked = time.monotonic() - began
    count = 0
    while count < question.asked:
        time.sleep(0.02)
        count = Question.objects.values_list("answered", flat=True).get(pk=question.pk)
        if time.monotonic() - began > 120:
            break
    rows = AnswerRow.objects.filter(question=question).count()
    print(json.dumps({"sent": question.asked, "done": count, "asked": asked, "rows": rows,
                      "all": time.monotonic() - began}))
    time.sleep(0.5)
"""

# Runs in the console's environment: the same answers, in batches and one by one.
_STORE = """
import json, sys, time, uuid
from datetime import UTC, datetime, timedelta
import django
django.setup()
from django.db import transaction
from console.access.models import User
from console.core.actor import Actor
from console.questions.answers import digest_of, record_answers
from console.questions.models import Answer, AnswerRow, Question, QuestionTarget
from console.questions.services import ask
from protocol.messages import QuestionAnswered
from protocol.questions import ANSWERED

rows_each, batch, few = (int(each) for each in sys.argv[1:4])
user = User.objects.create_superuser("bench", password=None)

def asked():
    return ask("Get Computer Name and IP Address from all machines", user=user,
               actor=Actor("bench"), now=datetime.now(UTC))

def messages(question):
    at = int(question.asked_at.timestamp() * 1e6) + 1
    ids = QuestionTarget.objects.filter(question=question).values_list("endpoint_id", flat=True)
    # One row of each endpoint is its own, the others are everybody's.
    return [
        (endpoint_id, QuestionAnswered(
            id=uuid.uuid4(), question_id=question.pk, outcome=ANSWERED, took=1000,
            rows=[[f"host-{number}", "10.0.0.1"],
                  *(["shared", f"10.1.0.{each}"] for each in range(rows_each - 1))],
        ), at)
        for number, endpoint_id in enumerate(ids)
    ]

found = {}
times = []
for _ in range(5):
    received = messages(asked())
    began = time.monotonic()
    for start in range(0, len(received), batch):
        with transaction.atomic():
            record_answers(received[start : start + batch])
    times.append((time.monotonic() - began) / len(received))
found["batched_us"] = 1e6 * sorted(times)[len(times) // 2]

question = asked()
received = messages(question)[:few]
began = time.monotonic()
for endpoint_id, message, at in received:
    with transaction.atomic():
        for row in message.rows:
            merged, _ = AnswerRow.objects.get_or_create(
                question=question, digest=digest_of(tuple(row))[1], defaults={"values": row})
            merged.count += 1
            merged.save()
            Answer.objects.create(question=question, endpoint_id=endpoint_id,
                                  digest=merged.digest)
        target = QuestionTarget.objects.get(question=question, endpoint=endpoint_id)
        target.state = QuestionTarget.State.ANSWERED
        target.save()
        question.answered += 1
        question.save()
found["orm_us"] = 1e6 * (time.monotonic() - began) / len(received)

received = messages(asked())[:few]
began = time.monotonic()
for each in received:
    with transaction.atomic():
        record_answers([each])
found["single_us"] = 1e6 * (time.monotonic() - began) / len(received)

question = asked()
received = messages(question)[:few]
began = time.monotonic()
for endpoint_id, message, at in received:
    with transaction.atomic():
        for row in message.rows:
            Answer.objects.create(question=question, endpoint_id=endpoint_id,
                                  digest=digest_of(tuple(row))[1])
found["inserts_only_us"] = 1e6 * (time.monotonic() - began) / len(received)
print(json.dumps(found))
"""


def bench_ask(
    data: Path, count: int, rounds: int, environment: dict[str, str] | None = None
) -> dict[str, Any]:
    """Measure whole questions with `count` endpoints: times (s), gateway CPU per answer (µs)."""
    with ExitStack() as stack:
        console, meter = stack.enter_context(running_console(data, count, environment))
        fleet = FleetProcess("benchmarks.fleet", console, console.gateway_port, count)
        stack.callback(fleet.stop)
        connected = fleet.do("connect")
        assert connected["failed"] == 0, connected
        return ask_rounds(console, meter, count, rounds)


def ask_rounds(console: ConsoleProcesses, meter: Meter, count: int, rounds: int) -> dict[str, Any]:
    """Ask `rounds` times; the first one warms up and does not count."""
    console.run_python(_ASK, str(count), "1")
    meter.cpu()
    lines = console.run_python(_ASK, str(count), str(rounds)).splitlines()
    cpu = meter.cpu()
    results = [json.loads(line) for line in lines]
    assert all(each["done"] == each["sent"] == count for each in results), results
    return {
        "committed_s": statistics.median(each["all"] for each in results),
        "slowest_s": max(each["all"] for each in results),
        "asked_s": statistics.median(each["asked"] for each in results),
        "cpu_us": 1e6 * cpu / (count * rounds),
        "rows": results[0]["rows"],
    }


def bench_store(
    data: Path, count: int, rows: int, environment: dict[str, str] | None = None
) -> dict[str, Any]:
    """Measure the database's part: µs per answer, batched and one by one, and the ratios."""
    console = ConsoleProcesses(data, environment=environment)
    try:
        console.prepare()
        console.populate(count)
        found: dict[str, Any] = json.loads(
            console.run_python(_STORE, str(rows), "2000", "500").splitlines()[-1]
        )
    finally:
        console.stop()
    found["answers_per_s"] = 1e6 / found["batched_us"]
    for name in ("orm", "single", "inserts_only"):
        found[f"{name}_ratio"] = found[f"{name}_us"] / found["batched_us"]
    return found


def main() -> None:
    """Measure what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--count", type=int, default=5000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--postgres", action="store_true", help="also on PostgreSQL")
    parser.add_argument("--no-rival", action="store_true")
    parser.add_argument("--no-ask", action="store_true", help="only C4")
    parser.add_argument("--rows", type=int, default=3, help="rows of each answer, for C4")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="vedette-bench-") as directory:
        base = Path(directory)
        base.chmod(0o755)
        if not options.no_ask:
            ours = bench_ask(base / "ours", options.count, options.rounds)
            show(f"Vedette, SQLite and Valkey, {options.count} endpoints", ours)
            if not options.no_rival:
                rival = bench_rival(base / "rival", options.count, options.rounds)
                show(f"Channels consumer with ORM create, {options.count} endpoints", rival)
                for name in ("committed_s", "cpu_us"):
                    print(f"  rival / ours: {name:16} {rival[name] / ours[name]:.1f}")
        show("SQLite alone", bench_store(base / "store", options.count, options.rows))
        if options.postgres:
            if not options.no_ask:
                with postgres(base / "postgres") as url:
                    environment = {"DATABASE_URL": url}
                    data = base / "scaled"
                    other = bench_ask(data, options.count, options.rounds, environment)
                show("Vedette, PostgreSQL and Valkey", other)
            with postgres(base / "postgres-store") as url:
                environment = {"DATABASE_URL": url}
                data = base / "scaled-store"
                found = bench_store(data, options.count, options.rows, environment)
            show("PostgreSQL alone", found)


if __name__ == "__main__":
    main()
