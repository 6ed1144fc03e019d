"""Make the file of an export, by a job or, when it is small, at once.

What its user may see is looked at when it is made, not when it was asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import structlog
from django.utils import timezone

from console.access.models import User
from console.core.exceptions import VedetteError
from console.questions.exceptions import ExportEnded
from console.questions.export_files import drafted, path_of, remove_files_of, remove_old_files
from console.questions.export_formats import FORMATS, WriterOptions
from console.questions.export_rows import count_of, table_of
from console.questions.export_view import read_view
from console.questions.models import AnswerExport
from console.questions.selectors import question_for, viewing_reach

log: structlog.stdlib.BoundLogger = structlog.get_logger()

KEPT_FOR: Final = timedelta(days=1)
NO_ROOM: Final = "The console could not write the file; the log of its worker says why."
_ROWS_BETWEEN_NEWS: Final = 5000

State = AnswerExport.State
UNDER_WAY: Final = (State.WAITING, State.RUNNING)


def write_export(export_id: UUID, *, clock: Callable[[], datetime] = timezone.now) -> None:
    """Write the file of an export that waits.

    One that is running is begun anew: its program died, or it would not be asked for twice. What
    is refused, or fails on the disk, is told by the export's row.
    """
    # One that was cancelled, or made by now, is left alone.
    claimed = AnswerExport.objects.filter(pk=export_id, state__in=UNDER_WAY)
    if not claimed.update(state=State.RUNNING, rows_done=0):
        return
    export = AnswerExport.objects.get(pk=export_id)
    # A user object of its own: what roles give is kept with it.
    user = User.objects.get(pk=export.created_by_id)
    try:
        _write(export, user)
    except ExportEnded:
        remove_files_of(export_id)
    except VedetteError as refusal:
        _end(export, State.FAILED, at=clock(), error=refusal.detail)
    except OSError as failure:
        log.warning("questions.export_failed", export=str(export_id), reason=str(failure))
        _end(export, State.FAILED, at=clock(), error=NO_ROOM)
    else:
        _end(export, State.DONE, at=clock())


def remove_old_exports(*, now: datetime) -> int:
    """Remove exports of more than a day ago with their files; tell how many."""
    AnswerExport.objects.filter(created_at__lt=now - KEPT_FOR).delete()
    removed = remove_old_files(before=now - KEPT_FOR)
    if removed:
        log.info("questions.exports_removed", files=removed)
    return removed


def _write(export: AnswerExport, user: User) -> None:
    question = question_for(user, export.question_id)
    reach = viewing_reach(user, question)
    view = read_view(export.view)
    export.rows_total = count_of(question, reach, view)
    export.rows_done = 0
    _tell(export)
    path = path_of(export.pk, reach)
    table = table_of(question, reach, view)
    with drafted(path) as draft:
        options = WriterOptions(scratch=draft.scratch, bom=view.bom, raw=view.raw)
        with FORMATS[export.format].open(draft.stream, table.columns, options) as writer:
            for row in table.rows:
                writer.write(row)
                export.rows_done += 1
                if export.rows_done % _ROWS_BETWEEN_NEWS == 0:
                    _tell(export)
    export.file_size = path.stat().st_size


def _tell(export: AnswerExport) -> None:
    still_wanted = AnswerExport.objects.filter(pk=export.pk, state=State.RUNNING).update(
        rows_done=export.rows_done, rows_total=max(export.rows_total, export.rows_done)
    )
    if not still_wanted:
        raise ExportEnded("This export was cancelled.")


def _end(export: AnswerExport, state: State, *, at: datetime, error: str = "") -> None:
    is_done = state == State.DONE
    ended = AnswerExport.objects.filter(pk=export.pk, state=State.RUNNING).update(
        state=state,
        error=error,
        finished_at=at,
        rows_done=export.rows_done,
        rows_total=export.rows_done if is_done else export.rows_total,
        file_size=export.file_size if is_done else 0,
    )
    if not ended or not is_done:
        # It was cancelled in its last moment.
        remove_files_of(export.pk)
