"""What endpoints answer is stored once, and what nobody asked for is not stored at all."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
import redis
from hypothesis import given, settings
from hypothesis import strategies as st

from console.core.actor import Actor
from console.core.redis import waiting_key
from console.questions.answers import TOO_LONG, TOO_MANY, WRONG_WIDTH, digest_of, record_answers
from console.questions.models import Answer, AnswerRow, Question, QuestionTarget
from console.questions.services import cancel
from protocol.questions import FAILED, NOT_MATCHING, PARTS_AT_MOST, ROWS_AT_MOST, SensorFailure
from tests.console.questions import scene

pytestmark = pytest.mark.django_db

ROW = ("web-1", "192.0.2.1")
OTHER = ("web-2", "192.0.2.2")


@pytest.fixture
def ids(valkey: redis.Redis) -> list[UUID]:
    """Add three endpoints."""
    valkey.flushdb()
    scene.prepare()
    return scene.endpoints(3)


@pytest.fixture
def question(ids: list[UUID]) -> Question:
    """Ask all of them."""
    return scene.asked(scene.administrator())


def state_of(question: Question, endpoint_id: UUID) -> QuestionTarget:
    return QuestionTarget.objects.get(question=question, endpoint=endpoint_id)


class TestRows:
    def test_are_merged_and_counted(self, question: Question, ids: list[UUID]) -> None:
        record_answers(
            [
                scene.answer(question, ids[0], [ROW, OTHER]),
                scene.answer(question, ids[1], [ROW, ROW]),
            ]
        )

        found = scene.standing(question)
        assert found["rows"] == {ROW: 3, OTHER: 1}
        assert found["answers"] == 3
        assert found["counters"] == (3, 2, 0, 0, 0)
        assert list(found["states"].values()).count("waiting") == 1

    def test_grow_with_every_batch(self, question: Question, ids: list[UUID]) -> None:
        for endpoint_id in ids:
            record_answers([scene.answer(question, endpoint_id, [ROW])])

        assert scene.standing(question)["rows"] == {ROW: 3}

    def test_of_many_parts_count_once_all_are_there(
        self, question: Question, ids: list[UUID]
    ) -> None:
        first, last = (
            scene.answer(question, ids[0], [ROW, row], part=part, parts=2)
            for part, row in enumerate([ROW, OTHER])
        )

        record_answers([last])
        before = scene.standing(question)
        record_answers([first])

        assert before["counters"] == (3, 0, 0, 0, 0)
        assert before["states"][ids[0]] == "waiting"
        found = scene.standing(question)
        assert found["counters"] == (3, 1, 0, 0, 0)
        assert found["rows"] == {ROW: 3, OTHER: 1}
        assert Answer.objects.get(question=question, digest=digest_of(ROW)[1]).count == 3
        assert state_of(question, ids[0]).rows == 4

    def test_of_the_last_possible_part_fit(self, question: Question, ids: list[UUID]) -> None:
        parts = PARTS_AT_MOST

        record_answers(
            [
                scene.answer(question, ids[0], [(str(part), "")], part=part, parts=parts)
                for part in range(parts)
            ]
        )

        assert scene.standing(question)["states"][ids[0]] == "answered"

    def test_keep_html_as_text_and_replace_nul(self, question: Question, ids: list[UUID]) -> None:
        row = ("<script>alert(1)</script>", "a\0b")

        record_answers([scene.answer(question, ids[0], [row])])

        [stored] = AnswerRow.objects.filter(question=question)
        assert stored.values == ["<script>alert(1)</script>", "a\N{REPLACEMENT CHARACTER}b"]

    def test_of_ten_thousand_distinct_strings_are_all_kept(
        self, question: Question, ids: list[UUID]
    ) -> None:
        rows = [(f"value {number}", "") for number in range(ROWS_AT_MOST)]

        record_answers([scene.answer(question, ids[0], rows)])

        assert AnswerRow.objects.filter(question=question).count() == ROWS_AT_MOST

    @given(rows=st.lists(st.lists(st.text(max_size=20), min_size=2, max_size=2), max_size=30))
    @settings(max_examples=30)
    def test_are_known_by_their_values(self, rows: list[list[str]]) -> None:
        digests = {digest_of(tuple(row))[1] for row in rows}

        # NUL is replaced, so that it equals the character that takes its place.
        assert len(digests) == len({tuple(v.replace("\0", "\ufffd") for v in r) for r in rows})

    def test_that_are_long_are_not_kept_in_memory(self) -> None:
        row = ("x" * 100_000,)

        first, second = digest_of(row), digest_of(row)

        assert first == second
        # A cached one would be the same bytes, and thousands of them gigabytes.
        assert first[0] is not second[0]


class TestOutcomes:
    def test_without_rows_are_counted(self, question: Question, ids: list[UUID]) -> None:
        failure = SensorFailure(name="IP Address", reason="There is no network.")

        record_answers(
            [
                scene.answer(question, ids[0], outcome=NOT_MATCHING),
                scene.answer(question, ids[1], outcome=FAILED, failures=[failure]),
            ]
        )

        assert scene.standing(question)["counters"] == (3, 0, 1, 1, 0)
        assert state_of(question, ids[1]).reason == "IP Address: There is no network."

    def test_tell_what_failed_beside_the_rows(self, question: Question, ids: list[UUID]) -> None:
        failure = SensorFailure(name="IP Address", reason="There is no\0network.")

        record_answers([scene.answer(question, ids[0], [ROW], failures=[failure], cut=7)])

        target = state_of(question, ids[0])
        assert target.state == "answered"
        assert "network" in target.reason
        assert "\0" not in target.reason
        assert (target.cut, target.took, target.rows) == (7, 1000, 1)

    def test_are_waited_for_no_longer(
        self, ids: list[UUID], valkey: redis.Redis, django_capture_on_commit_callbacks: Any
    ) -> None:
        with django_capture_on_commit_callbacks(execute=True):
            question = scene.asked(scene.administrator())
        before = valkey.scard(waiting_key(question.pk))

        with django_capture_on_commit_callbacks(execute=True):
            record_answers([scene.answer(question, ids[0], [ROW])])

        assert before == 3
        assert valkey.smembers(waiting_key(question.pk)) == {each.bytes for each in ids[1:]}


class TestTwice:
    @pytest.mark.parametrize("together", [True, False])
    def test_is_stored_once(self, question: Question, ids: list[UUID], together: bool) -> None:
        message = scene.answer(question, ids[0], [ROW])

        if together:
            record_answers([message, message])
        else:
            record_answers([message])
            record_answers([message])

        found = scene.standing(question)
        assert found["rows"] == {ROW: 1}
        assert found["counters"] == (3, 1, 0, 0, 0)

    def test_with_other_rows_changes_nothing(self, question: Question, ids: list[UUID]) -> None:
        record_answers([scene.answer(question, ids[0], [ROW])])

        record_answers([scene.answer(question, ids[0], [OTHER])])
        record_answers([scene.answer(question, ids[0], outcome=FAILED)])

        assert scene.standing(question)["rows"] == {ROW: 1}
        assert scene.standing(question)["states"][ids[0]] == "answered"

    def test_of_one_part_is_stored_once(self, question: Question, ids: list[UUID]) -> None:
        part = scene.answer(question, ids[0], [ROW], part=0, parts=2)

        record_answers([part, part])
        record_answers([part])

        assert scene.standing(question)["rows"] == {ROW: 1}


class TestRefuses:
    def test_who_was_not_asked(self, question: Question, ids: list[UUID]) -> None:
        [stranger] = scene.endpoints(1)

        record_answers([scene.answer(question, stranger, [ROW])])

        found = scene.standing(question)
        assert found["rows"] == {}
        assert found["counters"] == (3, 0, 0, 0, 1)

    def test_what_is_said_for_another_endpoint(self, question: Question, ids: list[UUID]) -> None:
        _, message, at = scene.answer(question, ids[0], [ROW])

        record_answers([(ids[1], message, at)])

        states = scene.standing(question)["states"]
        assert (states[ids[0]], states[ids[1]]) == ("waiting", "answered")

    def test_an_unknown_question(self, question: Question, ids: list[UUID]) -> None:
        question.pk = uuid.uuid4()

        record_answers([scene.answer(question, ids[0], [ROW])])

        assert not AnswerRow.objects.exists()

    def test_what_comes_late(self, question: Question, ids: list[UUID]) -> None:
        late = question.expires_at + timedelta(milliseconds=1)

        record_answers(
            [
                scene.answer(question, ids[0], [ROW], at=late),
                scene.answer(question, ids[1], [ROW], at=question.expires_at),
            ]
        )

        found = scene.standing(question)
        assert found["counters"] == (3, 1, 0, 0, 1)
        assert found["states"][ids[0]] == "waiting"

    def test_what_comes_after_it_was_cancelled(self, question: Question, ids: list[UUID]) -> None:
        cancel(question, actor=Actor("ada"), now=scene.NOW)

        record_answers([scene.answer(question, ids[0], [ROW])])

        found = scene.standing(question)
        assert found["rows"] == {}
        assert found["counters"] == (3, 0, 0, 0, 1)

    @pytest.mark.parametrize(
        ("rows", "fields", "reason"),
        [
            ([("only one column",)], {}, WRONG_WIDTH),
            ([("a", "b", "c")], {}, WRONG_WIDTH),
            ([("x" * 200_000, "")], {}, TOO_LONG),
            ([("x", "")] * (ROWS_AT_MOST + 1), {}, TOO_MANY),
            ([ROW], {"part": 1, "parts": 1}, "part"),
            ([ROW], {"part": -1, "parts": 1}, "part"),
            ([ROW], {"part": 0, "parts": 0}, "part"),
            ([ROW], {"part": 0, "parts": PARTS_AT_MOST + 1}, "part"),
            ([ROW], {"part": 2**70, "parts": 2**71}, "part"),
            ([ROW], {"outcome": "bewildered"}, "outcome"),
            ([ROW], {"outcome": FAILED}, "outcome"),
        ],
    )
    def test_what_is_no_answer_and_says_so_at_the_endpoint(
        self,
        question: Question,
        ids: list[UUID],
        rows: Any,
        fields: dict[str, Any],
        reason: str,
    ) -> None:
        record_answers([scene.answer(question, ids[0], rows, **fields)])

        found = scene.standing(question)
        assert found["rows"] == {}
        assert found["counters"] == (3, 0, 0, 1, 1)
        assert reason in state_of(question, ids[0]).reason

    def test_more_rows_than_allowed_in_all_parts_together(
        self, question: Question, ids: list[UUID]
    ) -> None:
        half = [("x", str(number)) for number in range(ROWS_AT_MOST // 2 + 1)]

        for part in range(2):
            record_answers([scene.answer(question, ids[0], half, part=part, parts=2)])

        assert state_of(question, ids[0]).state == "failed"
        assert AnswerRow.objects.filter(question=question).count() == len(half)

    def test_and_keeps_the_others_in_the_batch(self, question: Question, ids: list[UUID]) -> None:
        record_answers(
            [
                scene.answer(question, ids[0], [("one",)]),
                scene.answer(question, ids[1], [ROW]),
                scene.answer(question, uuid.uuid4(), [ROW]),
            ]
        )

        found = scene.standing(question)
        assert found["rows"] == {ROW: 1}
        assert found["counters"] == (3, 1, 0, 1, 2)

    def test_numbers_that_no_column_holds(self, question: Question, ids: list[UUID]) -> None:
        record_answers([scene.answer(question, ids[0], [ROW], cut=2**63 - 1, took=-5)])

        target = state_of(question, ids[0])
        assert (target.cut, target.took) == (2**31 - 1, 0)


class TestLeavingEndpoint:
    def test_in_the_middle_of_its_parts_stays_unanswered(
        self, question: Question, ids: list[UUID]
    ) -> None:
        record_answers([scene.answer(question, ids[0], [ROW], part=0, parts=3)])

        target = state_of(question, ids[0])
        assert (target.state, target.parts_seen, target.rows) == ("waiting", 1, 1)
