"""The outbox: bounded, idempotent, and what was put in survives."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from agent.outbox import HELD_IN_MEMORY_BYTES, Outbox
from protocol.events import DnsEvent
from protocol.messages import AlertRaised, InstructionCompleted
from tests.agent.full_disk import fill

KEY = bytes(range(32))
MEBIBYTE = 1024 * 1024

WRITER = """
import sys
from pathlib import Path
from uuid import UUID
from agent.outbox import Outbox
from protocol.messages import InstructionCompleted

outbox = Outbox(Path(sys.argv[1]), key=bytes(range(32)), max_bytes=1 << 26)
number = 0
while True:
    number += 1
    outbox.put([InstructionCompleted(id=UUID(int=number), sequence=number, outcome="done")])
    print(number, flush=True)
"""


def outcome(detail: str = "", *, name: UUID | None = None) -> InstructionCompleted:
    return InstructionCompleted(id=name or uuid4(), sequence=1, outcome="done", detail=detail)


def alert(query: str = "example.invalid") -> AlertRaised:
    return AlertRaised(
        id=uuid4(),
        intel_id=uuid4(),
        intel_revision=1,
        at=1,
        event=DnsEvent(at=1, process=None, query=query),
        process=None,
        matched=[],
    )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "outbox.db"


@pytest.fixture
def outbox(path: Path) -> Iterator[Outbox]:
    opened = Outbox(path, key=KEY, max_bytes=MEBIBYTE)
    yield opened
    opened.close()


class TestOutbox:
    def test_gives_back_what_was_put_in_order(self, outbox: Outbox) -> None:
        messages = [outcome("one"), outcome("two")]

        outbox.put(messages)

        assert [entry.message for entry in outbox.after(0, limit=10)] == messages

    def test_keeps_an_id_once(self, outbox: Outbox) -> None:
        message = outcome()

        outbox.put([message])
        outbox.put([message, message])

        assert outbox.waiting == 1

    def test_gives_the_rest_behind_a_position(self, outbox: Outbox) -> None:
        outbox.put([outcome(str(number)) for number in range(5)])
        first = outbox.after(0, limit=2)

        rest = outbox.after(first[-1].position, limit=10)

        assert len(rest) == 3

    def test_forgets_what_was_acknowledged(self, outbox: Outbox) -> None:
        kept, gone = outcome(), outcome()
        outbox.put([kept, gone])

        outbox.forget([gone.id, uuid4()])

        assert [entry.id for entry in outbox.after(0, limit=10)] == [kept.id]

    def test_counts_bytes_down_to_zero(self, outbox: Outbox) -> None:
        messages = [outcome("x" * 500) for _ in range(10)]
        outbox.put(messages)
        assert outbox.size_bytes > 5_000

        outbox.forget([message.id for message in messages])

        assert outbox.size_bytes == 0

    def test_survives_a_restart(self, path: Path, outbox: Outbox) -> None:
        message = alert()
        outbox.put([message])
        outbox.close()

        again = Outbox(path, key=KEY, max_bytes=MEBIBYTE)

        assert [entry.message for entry in again.after(0, limit=10)] == [message]
        again.close()

    def test_is_encrypted(self, path: Path, outbox: Outbox) -> None:
        outbox.put([outcome("a very secret sentence")])
        outbox.close()

        assert b"secret" not in path.read_bytes()

    def test_begins_anew_when_the_file_is_damaged(self, path: Path, outbox: Outbox) -> None:
        outbox.put([outcome()])
        outbox.close()
        path.write_bytes(os.urandom(20_000))

        again = Outbox(path, key=KEY, max_bytes=MEBIBYTE)

        assert again.waiting == 0
        assert path.with_suffix(".damaged").exists()
        again.close()


class TestBound:
    def test_drops_the_oldest_outcome_before_any_alert(self, outbox: Outbox) -> None:
        alerts = [alert() for _ in range(3)]
        outbox.put(alerts)
        outcomes = [outcome(os.urandom(3000).hex()) for _ in range(800)]

        outbox.put(outcomes)

        kept = {entry.id for entry in outbox.after(0, limit=10_000)}
        assert {message.id for message in alerts} <= kept
        assert outcomes[0].id not in kept
        assert outcomes[-1].id in kept

    def test_stays_within_its_size(self, outbox: Outbox) -> None:
        for _ in range(40):
            outbox.put([outcome(os.urandom(20_000).hex()) for _ in range(3)])

        assert outbox.size_bytes <= MEBIBYTE

    def test_counts_what_was_dropped_for_ever(self, path: Path, outbox: Outbox) -> None:
        outbox.put([outcome(os.urandom(3000).hex()) for _ in range(800)])
        dropped = outbox.dropped
        assert dropped + outbox.waiting == 800
        assert dropped > 0
        outbox.close()

        again = Outbox(path, key=KEY, max_bytes=MEBIBYTE)

        assert again.dropped == dropped
        again.close()


class TestSigkill:
    def test_loses_nothing_that_was_put(self, path: Path) -> None:
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True
        )
        assert writer.stdout is not None
        last = 0
        for line in writer.stdout:
            last = int(line)
            if last == 50:
                break
        writer.send_signal(signal.SIGKILL)
        rest = writer.stdout.read()
        writer.stdout.close()
        writer.wait()
        if rest.endswith("\n"):
            last = int(rest.split()[-1])

        outbox = Outbox(path, key=KEY, max_bytes=64 * MEBIBYTE)

        kept = {entry.id.int for entry in outbox.after(0, limit=100_000)}
        assert set(range(1, last + 1)) <= kept
        outbox.close()


@pytest.mark.root
class TestFullDisk:
    @pytest.fixture
    def small_disk(self, tmp_path: Path) -> Iterator[Path]:
        folder = tmp_path / "small"
        folder.mkdir()
        mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)]
        subprocess.run(mount, check=True)
        yield folder
        subprocess.run(["umount", "--lazy", str(folder)], check=True)

    def test_holds_messages_in_memory_says_so_and_resumes(self, small_disk: Path) -> None:
        outbox = Outbox(small_disk / "outbox.db", key=KEY, max_bytes=MEBIBYTE)
        filler = fill(small_disk)
        messages = [alert("x" * 2000) for _ in range(20)]

        outbox.put(messages)

        assert "memory only" in outbox.problem
        assert {entry.id for entry in outbox.after(0, limit=100)} == {m.id for m in messages}
        filler.unlink()
        outbox.settle()
        assert outbox.problem == ""
        outbox.close()
        again = Outbox(small_disk / "outbox.db", key=KEY, max_bytes=MEBIBYTE)
        assert again.waiting == 20
        assert again.dropped == 0
        again.close()

    def test_opens_in_memory_says_so_and_goes_back_to_disk(self, small_disk: Path) -> None:
        path = small_disk / "outbox.db"
        first = Outbox(path, key=KEY, max_bytes=MEBIBYTE)
        earlier, later = alert("earlier.invalid"), alert("later.invalid")
        first.put([earlier])
        first.close()
        filler = fill(small_disk)

        outbox = Outbox(path, key=KEY, max_bytes=MEBIBYTE)
        outbox.put([later])

        assert "memory only" in outbox.problem
        assert [entry.id for entry in outbox.after(0, limit=9)] == [later.id]
        assert (outbox.waiting, outbox.dropped) == (1, 0)
        outbox.forget([uuid4()])
        filler.unlink()
        outbox.settle()
        assert outbox.problem == ""
        assert {entry.id for entry in outbox.after(0, limit=9)} == {earlier.id, later.id}
        outbox.close()

    def test_bounds_what_waits_while_it_cannot_be_opened(self, small_disk: Path) -> None:
        fill(small_disk)
        outbox = Outbox(small_disk / "outbox.db", key=KEY, max_bytes=64 * MEBIBYTE)

        for _ in range(40):
            outbox.put([outcome(os.urandom(50_000).hex())])

        assert outbox.size_bytes <= HELD_IN_MEMORY_BYTES
        assert outbox.waiting + outbox.dropped == 40
        outbox.close()

    def test_bounds_and_counts_what_memory_holds(self, small_disk: Path) -> None:
        outbox = Outbox(small_disk / "outbox.db", key=KEY, max_bytes=64 * MEBIBYTE)

        for _ in range(100):
            outbox.put([outcome(os.urandom(50_000).hex())])

        assert outbox.size_bytes <= HELD_IN_MEMORY_BYTES + 2 * MEBIBYTE
        assert outbox.waiting + outbox.dropped == 100
        assert outbox.dropped > 0
        outbox.close()
