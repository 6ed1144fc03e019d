"""Exports: an answer as a file, for the user who asked for it, for a day.

A short one is there at once, a long one is made by a job with progress and can be cancelled.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from django.db import transaction
from django.db.models import QuerySet
from django.utils.text import slugify

from console.access.models import User
from console.audit.services import record_audit_event
from console.core.actor import Actor
from console.core.commits import after_commit
from console.questions import jobs
from console.questions.exceptions import ExportEnded, ExportNotReady, TooManyExports
from console.questions.export_files import path_of, remove_files_of
from console.questions.export_formats import FORMATS
from console.questions.export_rows import count_of
from console.questions.export_view import ExportView, check_view, view_to_json
from console.questions.export_writing import KEPT_FOR, UNDER_WAY, write_export
from console.questions.models import AnswerExport, Question
from console.questions.selectors import question_for, viewing_reach

AT_ONCE: Final = 10_000
UNDER_WAY_AT_MOST: Final = 5

State = AnswerExport.State


@dataclass(frozen=True, slots=True)
class ExportedFile:
    """A file to send. `tag` names its content."""

    path: Path
    name: str
    content_type: str
    tag: str


def exports_of(user: User) -> QuerySet[AnswerExport]:
    """Return the exports of a user, newest first: nobody sees another's."""
    return (
        AnswerExport.objects.filter(created_by=user, created_by__is_active=True)
        .select_related("question")
        .order_by("-created_at")
    )


def create_export(
    question: Question,
    *,
    form: str,
    view: ExportView,
    user: User,
    actor: Actor,
    now: datetime,
) -> AnswerExport:
    """Make a file of what a user sees of an answer: at once up to `AT_ONCE` rows, else by a job.

    Raises `InvalidInput` for a view that does not fit, and `TooManyExports`.
    """
    check_view(view, question, form)
    rows = count_of(question, viewing_reach(user, question), view)
    export = AnswerExport(
        question=question,
        format=form,
        view=view_to_json(view),
        rows_total=rows,
        file_name=_file_name(question, form),
        created_by=user,
        created_at=now,
    )
    _store(export, actor=actor)
    if rows <= AT_ONCE:
        write_export(export.pk)
        export.refresh_from_db()
    return export


def cancel_export(export: AnswerExport, *, now: datetime) -> None:
    """Give up a file before it is made. Raises `ExportEnded`."""
    given_up = AnswerExport.objects.filter(pk=export.pk, state__in=UNDER_WAY).update(
        state=State.CANCELLED, finished_at=now
    )
    if not given_up:
        raise ExportEnded("This export is over.")
    remove_files_of(export.pk)


def file_of(export: AnswerExport, user: User) -> ExportedFile:
    """Return the file of an export.

    Raises `NotFound` when its user does not see the question any more, and `ExportNotReady` while
    there is no file, when it is gone, and when the user reaches other endpoints by now.
    """
    question = question_for(user, export.question_id)
    if export.state != State.DONE:
        raise ExportNotReady("There is no file yet.")
    path = path_of(export.pk, viewing_reach(user, question))
    if not path.is_file():
        raise ExportNotReady(
            "The file is gone, or you reach other endpoints than when it was made: export again."
        )
    content_type = FORMATS[export.format].content_type
    return ExportedFile(path, export.file_name, content_type, tag=export.pk.hex)


@transaction.atomic
def _store(export: AnswerExport, *, actor: Actor) -> None:
    now, question = export.created_at, export.question
    under_way = AnswerExport.objects.filter(
        created_by=export.created_by, state__in=UNDER_WAY, created_at__gte=now - KEPT_FOR
    )
    if under_way.count() >= UNDER_WAY_AT_MOST:
        raise TooManyExports(f"{UNDER_WAY_AT_MOST} exports of yours are under way.")
    export.save(force_insert=True)
    record_audit_event(
        actor=actor,
        action="question.export",
        subject_type=Question._meta.label_lower,
        subject_id=str(question.pk),
        subject_name=question.text[:255],
        detail={"format": export.format, "rows": export.rows_total, "view": export.view},
        now=now,
    )
    if export.rows_total > AT_ONCE:
        wish = {"export_id": str(export.pk)}
        after_commit(jobs.write_export.apply_async, kwargs=wish, queue="bulk")


def _file_name(question: Question, form: str) -> str:
    # Of the user's own words only what no file system and no header minds.
    words = slugify(question.text.removeprefix("Get "))[:60].strip("-") or "answer"
    return f"{words}-{question.asked_at:%Y%m%dT%H%M%SZ}.{FORMATS[form].suffix}"
