"""An export holds what its user may see when it is made, and nothing that a program would run."""

from __future__ import annotations

import io
import stat
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import openpyxl
import pytest
import redis
from pyarrow import parquet

from console.access.models import User
from console.audit.models import AuditEvent
from console.core.exceptions import InvalidInput, NotFound
from console.endpoints.models import ComputerGroup, Membership
from console.questions import export_formats, export_writing, exports, jobs
from console.questions.answers import record_answers
from console.questions.exceptions import ExportEnded, ExportNotReady, TooManyExports
from console.questions.export_files import exports_directory
from console.questions.export_view import ExportView, read_view
from console.questions.export_writing import remove_old_exports, write_export
from console.questions.exports import cancel_export, exports_of, file_of
from console.questions.models import AnswerExport, Question
from protocol.questions import SensorFailure
from tests.console.questions import scene
from tests.console.questions.exporting import (
    answered,
    content_of,
    csv_rows,
    json_rows,
    made,
    owner_of,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def group(valkey: redis.Redis) -> ComputerGroup:
    valkey.flushdb()
    scene.prepare()
    return scene.group_named("Berlin")


@pytest.fixture
def ids(group: ComputerGroup) -> list[UUID]:
    """Two endpoints in Berlin, and two that are not."""
    return [*scene.endpoints(2, group=group), *scene.endpoints(2)]


@pytest.fixture
def asker(group: ComputerGroup) -> User:
    """Somebody who reaches Berlin."""
    return scene.person("ben", groups=[group], content_sets=["Base", "Reserved"])


@pytest.fixture
def question(ids: list[UUID]) -> Question:
    """A question of an administrator to all four, of which each gives a row of its own."""
    return answered(ids, [[(f"web-{n}", f"10.0.0.{n}"), ("all", "")] for n in range(len(ids))])


class TestUnanswered:
    def test_are_listed_with_the_reason_and_cut_to_the_reach(
        self, ids: list[UUID], asker: User
    ) -> None:
        failure = SensorFailure(name="IP Address", reason="=There is no network.")
        question = scene.asked(scene.administrator())
        record_answers(
            [
                scene.answer(question, ids[0], [("a", "")], failures=[failure], cut=3),
                scene.answer(question, ids[2], [("a", "b")]),
            ]
        )

        whole = csv_rows(content_of(made(question, "csv", unanswered="all")))
        partial = csv_rows(content_of(made(question, "csv", unanswered="partial")))
        cut = json_rows(content_of(made(question, "jsonl", asker, unanswered="all")))

        assert whole[0] == ["Endpoint", "Endpoint ID", "State", "Why", "Rows left out", "Since"]
        assert [row[0] for row in whole[1:]] == ["host-00000", "host-00001", "host-00003"]
        assert [(row[2], row[4]) for row in partial[1:]] == [("partial", "3")]
        assert [row["Endpoint"] for row in cut] == ["host-00000", "host-00001"]

    @pytest.mark.parametrize("more", [{"unanswered": "x"}, {"unanswered": "all", "columns": [0]}])
    def test_have_no_columns_of_the_answer(self, question: Question, more: Any) -> None:
        with pytest.raises(InvalidInput):
            made(question, "csv", **more)


class TestRows:
    def test_are_merged_and_counted(self, question: Question) -> None:
        rows = csv_rows(content_of(made(question, "csv")))

        assert rows[0] == ["Computer Name", "IP Address", "Count"]
        assert rows[1] == ["all", "", "4"]
        assert {tuple(row) for row in rows[2:]} == {
            (f"web-{n}", f"10.0.0.{n}", "1") for n in range(4)
        }

    def test_or_stand_by_endpoint(self, question: Question, ids: list[UUID]) -> None:
        rows = json_rows(content_of(made(question, "jsonl", merged=False)))

        assert [row["Endpoint ID"] for row in rows] == [str(each) for each in ids for _ in "12"]
        assert [row["Endpoint"] for row in rows] == sorted(row["Endpoint"] for row in rows)
        assert {row["Computer Name"] for row in rows} == {"all", *(f"web-{n}" for n in range(4))}

    @pytest.mark.parametrize("merged", [True, False])
    def test_are_those_of_the_view(self, question: Question, merged: bool) -> None:
        filters = [{"column": 0, "operator": "matching", "value": "web-[12]"}]
        export = made(question, "jsonl", merged=merged, filters=filters, columns=[1])

        rows = json_rows(content_of(export))

        assert sorted(row["IP Address"] for row in rows) == ["10.0.0.1", "10.0.0.2"]
        assert "Computer Name" not in rows[0]
        assert export.rows_done == export.rows_total == 2

    def test_are_grouped_and_sorted_as_the_grid_is(self, question: Question) -> None:
        sort = [{"column": 1, "descending": True}]
        rows = csv_rows(content_of(made(question, "csv", group_by=[1], sort=sort)))

        assert [row[0] for row in rows[1:]] == [*(f"10.0.0.{n}" for n in (3, 2, 1, 0)), ""]

    @pytest.mark.parametrize("merged", [True, False])
    @pytest.mark.parametrize("form", AnswerExport.Format.values)
    def test_are_never_out_of_reach(
        self, question: Question, asker: User, form: str, merged: bool
    ) -> None:
        content = content_of(made(question, form, asker, merged=merged))

        if form == "csv":
            names = {cell for row in csv_rows(content) for cell in row}
        elif form == "jsonl":
            names = {str(cell) for row in json_rows(content) for cell in row.values()}
        elif form == "xlsx":
            sheet = openpyxl.load_workbook(io.BytesIO(content)).worksheets[0]
            names = {str(cell) for row in sheet.iter_rows(values_only=True) for cell in row}
        else:
            table = parquet.read_table(io.BytesIO(content))
            names = {str(cell) for row in table.to_pylist() for cell in row.values()}
        assert {"web-0", "web-1"} <= names
        assert not {"web-2", "web-3", "host-00002", "host-00003", "4"} & names

    def test_have_columns_of_their_own_names(self, ids: list[UUID]) -> None:
        question = answered(ids, [[("a", "")]])
        Question.objects.filter(pk=question.pk).update(
            columns=[
                {"sensor": "A", "name": "Endpoint", "type": "text"},
                {"sensor": "B", "name": "Count", "type": "text"},
            ]
        )
        question.refresh_from_db()

        (row,) = json_rows(content_of(made(question, "jsonl", merged=False)))

        assert list(row) == ["Endpoint", "Endpoint ID", "Endpoint (2)", "Count", "Count (2)"]


class TestFiles:
    def test_are_for_the_console_only(self, question: Question) -> None:
        export = made(question, "csv")

        path = file_of(export, owner_of(question)).path
        assert path.parent == exports_directory()
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
        assert [each for each in path.parent.iterdir() if each.name.startswith(".")] == []

    def test_are_called_after_the_question(self, question: Question) -> None:
        name = made(question, "xlsx").file_name

        assert name.startswith("computer-name-and-ip-address-from-all-machines-")
        assert name.endswith("Z.xlsx")

    def test_begin_with_a_mark_where_that_is_wanted(self, question: Question) -> None:
        content = content_of(made(question, "csv", bom=True))

        assert content.startswith(b"\xef\xbb\xbfComputer Name")
        assert csv_rows(content, "utf-8-sig")[0][0] == "Computer Name"

    def test_are_removed_after_a_day(self, question: Question) -> None:
        export = made(question, "csv")
        path = file_of(export, owner_of(question)).path

        assert remove_old_exports(now=scene.NOW + timedelta(hours=23)) == 0
        jobs.remove_old_exports()
        assert path.exists()
        late = scene.NOW + timedelta(days=2)

        assert remove_old_exports(now=late) >= 1
        assert not path.exists()
        assert not AnswerExport.objects.exists()

    def test_are_counted_in_the_audit_log(self, question: Question) -> None:
        made(question, "csv")

        event = AuditEvent.objects.get(action="question.export")
        assert event.subject_id == str(question.pk)
        assert event.detail["rows"] == 5


class TestRefusals:
    @pytest.mark.parametrize(
        ("form", "view"),
        [
            ("csv", {"columns": [7]}),
            ("csv", {"columns": [0, 0]}),
            ("csv", {"filters": [{"column": 9, "operator": "is", "value": ""}]}),
            ("csv", {"filters": [{"column": 0, "operator": "matching", "value": "(("}]}),
            ("csv", {"merged": False, "sort": [{"column": 0}]}),
            ("csv", {"merged": False, "group_by": [0]}),
            ("csv", {"group_by": [0], "columns": [1]}),
            ("xlsx", {"raw": True}),
            ("jsonl", {"bom": True}),
            ("csv", {"unknown": 1}),
            ("csv", {"search": "x" * 5000}),
        ],
    )
    def test_name_what_does_not_fit(
        self, question: Question, form: str, view: dict[str, Any]
    ) -> None:
        with pytest.raises(InvalidInput):
            made(question, form, **view)

        assert not AnswerExport.objects.exists()

    def test_of_more_than_a_few_at_once(
        self, question: Question, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(exports, "AT_ONCE", 0)
        for _ in range(exports.UNDER_WAY_AT_MOST):
            made(question, "csv")

        with pytest.raises(TooManyExports):
            made(question, "csv")


class TestJobs:
    @pytest.fixture
    def waiting(
        self, question: Question, asker: User, monkeypatch: pytest.MonkeyPatch
    ) -> AnswerExport:
        """An export of somebody who reaches Berlin, which is too long to be made at once."""
        monkeypatch.setattr(exports, "AT_ONCE", 2)
        export = made(question, "csv", asker)
        assert export.state == AnswerExport.State.WAITING
        assert export.rows_total == 3
        return export

    def test_make_the_file(self, waiting: AnswerExport) -> None:
        jobs.write_export(export_id=str(waiting.pk))

        waiting.refresh_from_db()
        assert waiting.state == AnswerExport.State.DONE
        assert waiting.rows_done == waiting.rows_total == 3
        assert waiting.file_size == len(content_of(waiting))

    def test_look_at_the_reach_when_they_run(
        self, waiting: AnswerExport, group: ComputerGroup, ids: list[UUID]
    ) -> None:
        Membership.objects.filter(group=group, endpoint=ids[0]).delete()

        write_export(waiting.pk)

        waiting.refresh_from_db()
        assert {row[0] for row in csv_rows(content_of(waiting))[1:]} == {"all", "web-1"}

    def test_fail_where_the_question_is_out_of_sight(
        self, waiting: AnswerExport, asker: User
    ) -> None:
        asker.groups.clear()

        write_export(waiting.pk)

        waiting.refresh_from_db()
        assert waiting.state == AnswerExport.State.FAILED
        assert waiting.error == "There is no such question."
        assert list(exports_directory().glob(f"*{waiting.pk}*")) == []

    def test_leave_alone_what_was_cancelled(self, waiting: AnswerExport) -> None:
        cancel_export(waiting, now=scene.NOW)

        write_export(waiting.pk)

        waiting.refresh_from_db()
        assert waiting.state == AnswerExport.State.CANCELLED
        with pytest.raises(ExportNotReady):
            file_of(waiting, User.objects.get(pk=waiting.created_by_id))

    def test_stop_when_they_are_cancelled(
        self, waiting: AnswerExport, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(export_writing, "_ROWS_BETWEEN_NEWS", 1)
        tell: Callable[[AnswerExport], None] = export_writing._tell

        def cancel_and_tell(export: AnswerExport) -> None:
            if export.rows_done:
                cancel_export(export, now=scene.NOW)
            tell(export)

        monkeypatch.setattr(export_writing, "_tell", cancel_and_tell)

        write_export(waiting.pk)

        waiting.refresh_from_db()
        assert waiting.state == AnswerExport.State.CANCELLED
        assert list(exports_directory().glob(f"*{waiting.pk}*")) == []

    def test_tell_that_there_was_no_room(
        self, waiting: AnswerExport, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(*_: Any) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(export_formats.CsvWriter, "write", refuse)

        write_export(waiting.pk)

        waiting.refresh_from_db()
        assert waiting.state == AnswerExport.State.FAILED
        assert waiting.error == export_writing.NO_ROOM

    def test_make_it_again_after_their_program_died(self, waiting: AnswerExport) -> None:
        AnswerExport.objects.filter(pk=waiting.pk).update(
            state=AnswerExport.State.RUNNING, rows_done=1
        )

        write_export(waiting.pk)

        waiting.refresh_from_db()
        assert waiting.state == AnswerExport.State.DONE

    def test_are_over_once(self, waiting: AnswerExport) -> None:
        write_export(waiting.pk)

        with pytest.raises(ExportEnded):
            cancel_export(waiting, now=scene.NOW)


class TestDownload:
    def test_is_refused_when_the_user_reaches_other_endpoints_by_now(
        self, question: Question, asker: User, ids: list[UUID]
    ) -> None:
        other = scene.group_named("Hamburg")
        export = made(question, "csv", asker)
        role = asker.groups.get()
        role.computergroupgrant_set.update(content_object=other)
        Membership.objects.create(group=other, endpoint_id=ids[0])

        with pytest.raises(ExportNotReady):
            file_of(export, User.objects.get(pk=asker.pk))

    def test_is_refused_when_the_question_is_out_of_sight(
        self, question: Question, asker: User
    ) -> None:
        export = made(question, "csv", asker)
        asker.groups.clear()

        with pytest.raises(NotFound):
            file_of(export, User.objects.get(pk=asker.pk))

    def test_is_for_whoever_asked_for_it(self, question: Question, asker: User) -> None:
        made(question, "csv", asker)

        assert exports_of(asker).count() == 1
        assert exports_of(owner_of(question)).count() == 0


def test_view_defaults_to_everything() -> None:
    assert read_view({}) == ExportView()
