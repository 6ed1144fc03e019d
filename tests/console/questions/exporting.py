"""Exports for tests: an answered question, a file of it, what stands in the file."""

from __future__ import annotations

import csv
import io
import json
from typing import Any
from uuid import UUID

from console.access.models import User
from console.core.actor import Actor
from console.questions.answers import record_answers
from console.questions.export_view import read_view
from console.questions.exports import create_export, file_of
from console.questions.models import AnswerExport, Question
from tests.console.questions import scene


def answered(ids: list[UUID], rows: list[list[tuple[str, str]]]) -> Question:
    asked = scene.asked(scene.administrator())
    pairs = zip(ids, rows, strict=False)
    record_answers([scene.answer(asked, endpoint_id, given) for endpoint_id, given in pairs])
    asked.refresh_from_db()
    return asked


def owner_of(question: Question) -> User:
    assert question.asked_by is not None
    return User.objects.get(pk=question.asked_by.pk)


def made(question: Question, form: str, user: User | None = None, **view: Any) -> AnswerExport:
    user = user or owner_of(question)
    return create_export(
        question,
        form=form,
        view=read_view(view),
        user=user,
        actor=Actor(user.username),
        now=scene.NOW,
    )


def content_of(export: AnswerExport) -> bytes:
    assert export.state == AnswerExport.State.DONE, export.error
    return file_of(export, User.objects.get(pk=export.created_by_id)).path.read_bytes()


def csv_rows(content: bytes, encoding: str = "utf-8") -> list[list[str]]:
    return list(csv.reader(io.StringIO(content.decode(encoding), newline="")))


def json_rows(content: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in content.splitlines()]
