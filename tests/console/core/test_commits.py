"""What waits for the commit: done in its order, and never the end of what was committed."""

from __future__ import annotations

import logging

import pytest
from django.db import transaction

from console.core.commits import after_commit


class Broken:
    def fail(self, word: str) -> None:
        raise OSError(f"cannot {word}")


@pytest.mark.django_db(transaction=True)
class TestAfterCommit:
    def test_waits_for_the_commit_and_keeps_the_order(self) -> None:
        done: list[str] = []
        with transaction.atomic():
            after_commit(done.append, "first")
            after_commit(done.append, "second")
            before = list(done)

        assert before == []
        assert done == ["first", "second"]

    def test_does_nothing_when_the_transaction_is_undone(self) -> None:
        done: list[str] = []
        with transaction.atomic():
            after_commit(done.append, "never")
            transaction.set_rollback(True)

        assert done == []

    def test_logs_what_fails_and_does_the_rest(self, caplog: pytest.LogCaptureFixture) -> None:
        done: list[str] = []
        with caplog.at_level(logging.ERROR, logger="django.db.backends.base"), transaction.atomic():
            after_commit(Broken().fail, word="reach Redis")
            after_commit(done.append, "next")

        assert done == ["next"]
        (record,) = caplog.records
        assert "Broken.fail" in record.getMessage()
        assert "cannot reach Redis" in record.getMessage()
        assert record.exc_info
