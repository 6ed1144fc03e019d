"""Delete questions that ended long ago, with everything that was answered.

In small transactions: SQLite has one writer, and answers of others must not wait for this.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

import structlog
from django.conf import settings
from django.db import models

from console.core.pruning import delete_in_pieces
from console.questions.models import Answer, AnswerRow, Question, QuestionTarget

log: structlog.stdlib.BoundLogger = structlog.get_logger()

# What computer groups ask is kept as facts of the endpoints, not as answers.
FACTS_KEPT: Final = timedelta(hours=6)
TESTS_KEPT: Final = timedelta(days=1)


def prune_questions(*, now: datetime) -> int:
    """Delete questions that ended before `VEDETTE_ANSWERS_KEPT_DAYS`; tell how many.

    A scheduled saved question keeps its newest two, however old: they are compared.
    """
    kept = timedelta(days=settings.VEDETTE_ANSWERS_KEPT_DAYS)
    ended = Question.objects.exclude(ended_at=None)
    old = ended.filter(
        models.Q(ended_at__lt=now - kept)
        | models.Q(source=Question.Source.GROUPS, ended_at__lt=now - FACTS_KEPT)
        | models.Q(source=Question.Source.TEST, ended_at__lt=now - TESTS_KEPT)
    )
    newer = Question.objects.filter(
        saved=models.OuterRef("saved"), sequence__gt=models.OuterRef("sequence")
    )
    of_no_use = models.Q(saved=None) | models.Exists(newer.order_by("sequence")[1:2])
    pruned = list(old.filter(of_no_use).values_list("pk", flat=True))
    for question_id in pruned:
        for model in (Answer, AnswerRow, QuestionTarget):
            delete_in_pieces(model._default_manager.filter(question=question_id))
        Question.objects.filter(pk=question_id).delete()
    if pruned:
        log.info("questions.pruned", questions=len(pruned))
    return len(pruned)
