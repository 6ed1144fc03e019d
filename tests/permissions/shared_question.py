"""A question that both endpoints were asked, in answers that differ, and what tries to read it.

Whoever asked it reaches one of the endpoints only. What is the other's carries `FAR`, so that a
leak can be seen in any answer; the far row's number has to be as one that names nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.utils import timezone

from console.access.models import User
from console.questions.models import Answer, AnswerExport, AnswerRow, Question, QuestionTarget
from tests.console.computers import enrolled_endpoint
from tests.permissions.rule import Rule
from tests.permissions.rules import api_rules, page_rules
from tests.permissions.scene import FAR, Scene, Things

TEXT: Final = "Get Computer Name from all machines"
NEAR_ANSWER, BOTH_ANSWER = "near-answer", "both-answer"
# A test of a sensor is another kind of question, and nobody's but its author's.
_OTHER_QUESTIONS: Final = "sensors/trial/"

Sent = dict[str, Any]

_SEARCHES: Final[list[Sent]] = [
    {"search": FAR},
    {"filters": [{"column": 0, "operator": "containing", "value": "secret"}]},
    {"sort": [{"column": 0, "descending": True}]},
    {"sort": [{"column": None}], "group_by": [0]},
    {"offset": 1},
]
_EXPORTS: Final[list[Sent]] = [
    {"format": form, "view": view}
    for form in ("csv", "jsonl")
    for view in ({"merged": True}, {"merged": False}, {"search": FAR})
]
# What is sent to a route, more than once where it can be asked in several ways. `$row` is the
# number of a row.
_SENT: Final[dict[tuple[str, str], list[Sent]]] = {
    ("POST", "questions/<uuid:question_id>/window/"): [{}, *_SEARCHES],
    ("POST", "questions/<uuid:question_id>/chart/"): [{"column": 0}],
    ("POST", "questions/<uuid:question_id>/givers/"): [
        {"row": "$row"},
        {"row": "$row", "group_by": [0]},
    ],
    ("POST", "questions/<uuid:question_id>/further/"): [{"row": "$row", "columns": [0]}],
    ("GET", "questions/<uuid:question_id>/unanswered/"): [{}, {"kind": "failed"}],
    ("GET", "api/v1/questions/<uuid:pk>/rows/"): [
        {},
        {"search": FAR},
        {"sort": "0"},
        {"group_by": "0"},
        {"offset": "1"},
    ],
    ("GET", "api/v1/questions/<uuid:pk>/endpoint-rows/"): [{}, {"endpoint": "$far_endpoint"}],
    ("GET", "api/v1/questions/<uuid:pk>/rows/<int:row_id>/endpoints/"): [{}, {"group_by": "0"}],
    ("POST", "api/v1/questions/<uuid:pk>/exports/"): _EXPORTS,
}


@dataclass(frozen=True, slots=True)
class SharedQuestion:
    """What its addresses name. `secrets` may be read by nobody who reaches the near side only."""

    question: Question
    earlier: Question
    things: Things
    secrets: tuple[str, ...]

    def naming_row(self, values: str, *, of: Question | None = None) -> Things:
        """Return the things, with the row of these values as the one that addresses name."""
        row = AnswerRow.objects.filter(question=of or self.question, values=[values]).get()
        return self.things | {"answer_row": str(row.pk), "row": str(row.pk)}

    def naming_no_row(self) -> Things:
        """Return the things, with a row that is not there."""
        return self.things | {"answer_row": "987654", "row": "987654"}

    def asked_by(self, user: User) -> None:
        """Let it be this user's, with its exports."""
        Question.objects.filter(pk__in=(self.question.pk, self.earlier.pk)).update(asked_by=user)
        AnswerExport.objects.filter(question=self.question).update(created_by=user)


def routes() -> Iterator[tuple[str, str, Rule, Sent]]:
    """Yield every route that names a question, with each of what is sent to it."""
    for method, pattern, rule in (*api_rules(), *page_rules()):
        names_one = "question" in rule.values and not pattern.startswith(_OTHER_QUESTIONS)
        if names_one and rule.access != "nobody":
            for sent in _SENT.get((method, pattern), [{}]):
                yield method, pattern, rule, sent


def make_shared_question(scene: Scene, owner: User) -> SharedQuestion:
    """Ask the near endpoint and two far ones, one of which failed; and the same once before."""
    now = timezone.now()
    near, far = UUID(scene.things["endpoint"]), UUID(scene.far["endpoint"])
    silent = enrolled_endpoint(f"{FAR}-silent").pk
    earlier, question = (_asked(owner, at=now - timedelta(minutes=age)) for age in (10, 5))
    for asked, age in ((earlier, "old-"), (question, "")):
        _answered(asked, near, f"{age}{NEAR_ANSWER}", BOTH_ANSWER)
        _answered(asked, far, f"{age}{FAR}-answer", BOTH_ANSWER)
        AnswerRow.objects.filter(question=asked, values=[BOTH_ANSWER]).update(count=2)
        QuestionTarget.objects.create(
            question=asked,
            endpoint_id=silent,
            state=QuestionTarget.State.FAILED,
            reason=f"{FAR} reason",
        )
    export = AnswerExport.objects.create(
        question=question,
        format="csv",
        state=AnswerExport.State.WAITING,
        created_by=owner,
        created_at=now,
    )
    things = {
        "question": str(question.pk),
        "earlier": str(earlier.pk),
        "export": str(export.pk),
        "far_endpoint": str(far),
    }
    return SharedQuestion(question, earlier, things, (FAR, str(silent), str(far)))


def _asked(owner: User, *, at: datetime) -> Question:
    return Question.objects.create(
        sequence=Question.objects.count() + 100,
        text=TEXT,
        columns=[{"sensor": "Computer Name", "name": "Computer Name", "type": "text"}],
        request=b"",
        envelope=b"",
        asked_by=owner,
        asked_at=at,
        expires_at=at + timedelta(hours=1),
        asked=3,
        answered=2,
        failed=1,
        refused=4711,
    )


def _answered(question: Question, endpoint_id: UUID, *values: str) -> None:
    state = QuestionTarget.State.ANSWERED
    QuestionTarget.objects.create(
        question=question,
        endpoint_id=endpoint_id,
        state=state,
        rows=len(values),
        parts_seen=1,
    )
    for value in values:
        # Small enough for any engine, and the same for the same text.
        digest = sum(ord(letter) * place for place, letter in enumerate(value, 1))
        AnswerRow.objects.get_or_create(
            question=question, digest=digest, defaults={"values": [value], "count": 1}
        )
        Answer.objects.create(question=question, endpoint_id=endpoint_id, digest=digest)
