"""An export holds what its user may see when it is made, and nothing that a program would run."""

from __future__ import annotations

import csv
import io
import json
import stat
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import openpyxl
import pytest
import redis
from pyarrow import parquet

from console.access.models import User
from console.audit.models import AuditEvent
from console.core.actor import Actor
from console.core.exceptions import InvalidInput, NotFound
from console.endpoints.models import ComputerGroup, Membership
from console.questions import export_formats, export_writing, exports, jobs
from console.questions.answers import record_answers
from console.questions.exceptions import ExportEnded, ExportNotReady, TooManyExports
from console.questions.export_files import exports_directory
from console.questions.export_formats import ExcelWriter, WriterOptions, disarm
from console.questions.export_rows import FileColumn
from console.questions.export_view import ExportView, read_view
from console.questions.export_writing import remove_old_exports, write_export
from console.questions.exports import cancel_export, create_export, exports_of, file_of
from console.questions.models import AnswerExport, Question
from sensors.definitions import ValueType
from tests.console.questions import scene

pytestmark = pytest.mark.django_db

HOSTILE = [
    "=cmd|' /C calc'!A0",
    "+1+1",
    "-2+3",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    'a "quoted", cell',
    "two\r\nlines",
    "<script>alert(1)</script>",
    "https://foreign.example/",
    "_x0041_",
    "\x1b[31mred",
    "Ünïcödé 表 \U0001f600",
    "\uffff",
    "",
]


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
            sheet = openpyxl.load_workbook(io.BytesIO(content)).active
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


class TestHostileValues:
    @pytest.fixture
    def question(self, ids: list[UUID]) -> Question:
        return answered(ids, [[(value, "") for value in HOSTILE]])

    def test_get_an_apostrophe_in_csv(self, question: Question) -> None:
        content = content_of(made(question, "csv"))

        values = {row[0] for row in csv_rows(content)[1:]}
        assert values == {disarm(value) for value in HOSTILE}
        assert not [value for value in values if value[:1] in {"=", "+", "-", "@", "\t", "\r"}]
        assert content.count(b"\r\n") >= len(HOSTILE)

    def test_stay_as_they_are_in_raw_csv(self, question: Question) -> None:
        rows = csv_rows(content_of(made(question, "csv", raw=True)))

        assert {row[0] for row in rows[1:]} == set(HOSTILE)

    def test_stay_as_they_are_in_json_lines(self, question: Question) -> None:
        rows = json_rows(content_of(made(question, "jsonl")))

        assert {row["Computer Name"] for row in rows} == set(HOSTILE)

    def test_are_text_in_excel(self, question: Question) -> None:
        content = content_of(made(question, "xlsx"))

        sheet = openpyxl.load_workbook(io.BytesIO(content)).active
        cells = [row[0] for row in sheet.iter_rows(min_row=2)]
        assert {cell.data_type for cell in cells if cell.value is not None} == {"s"}
        assert not [cell for cell in cells if cell.hyperlink]
        shown = {openpyxl.utils.escape.unescape(str(cell.value or "")) for cell in cells}
        # What a line break is in XML, and what XML cannot hold.
        level = str.maketrans({"\r": "\n", "\uffff": "\ufffd"})
        assert {v.replace("\r\n", "\n").translate(level) for v in shown} == {
            v.replace("\r\n", "\n").translate(level) for v in HOSTILE
        }

    def test_stay_as_they_are_in_parquet(self, question: Question) -> None:
        table = parquet.read_table(io.BytesIO(content_of(made(question, "parquet"))))

        assert set(table.column("Computer Name").to_pylist()) == set(HOSTILE)


class TestTypes:
    TYPES = (
        ("integer", "443", "-5", "many"),
        ("bytes", "99999999999999999999", "1024", ""),
        ("decimal", "1.5", "-0.25", "1e999"),
        ("boolean", "True", "False", "maybe"),
        ("instant", "2024-05-01 13:30:00.000+00:00", "never", ""),
        ("text", "a", "b", "c"),
    )
    SORT = ({"column": 5},)

    @pytest.fixture
    def question(self, ids: list[UUID]) -> Question:
        question = scene.asked(scene.administrator())
        columns = [{"sensor": "S", "name": kind, "type": kind} for kind, *_ in self.TYPES]
        Question.objects.filter(pk=question.pk).update(columns=columns)
        rows = list(zip(*(values for _, *values in self.TYPES), strict=True))
        record_answers([scene.answer(question, ids[0], rows)])
        question.refresh_from_db()
        return question

    def test_are_kept_in_parquet_and_what_does_not_fit_is_kept_beside(
        self, question: Question
    ) -> None:
        table = parquet.read_table(
            io.BytesIO(content_of(made(question, "parquet", sort=self.SORT)))
        )

        columns = table.to_pydict()
        assert columns["integer"] == [443, -5, None]
        assert columns["integer (as text)"] == [None, None, "many"]
        assert columns["bytes"] == [None, 1024, None]
        assert columns["bytes (as text)"] == ["99999999999999999999", None, None]
        assert columns["decimal"] == [1.5, -0.25, None]
        assert columns["decimal (as text)"] == [None, None, "1e999"]
        assert columns["boolean"] == [True, False, None]
        assert columns["instant"][0].isoformat() == "2024-05-01T13:30:00+00:00"
        assert columns["instant (as text)"] == [None, "never", None]

    def test_are_kept_in_json_lines_where_nothing_is_lost(self, question: Question) -> None:
        rows = json_rows(content_of(made(question, "jsonl", sort=self.SORT)))

        assert [row["integer"] for row in rows] == [443, -5, "many"]
        assert [row["bytes"] for row in rows] == [99999999999999999999, 1024, None]
        assert [row["decimal"] for row in rows] == [1.5, -0.25, "1e999"]
        assert [row["boolean"] for row in rows] == [True, False, "maybe"]

    def test_are_kept_in_excel_as_far_as_excel_counts(self, question: Question) -> None:
        content = content_of(made(question, "xlsx", sort=self.SORT))

        rows = list(openpyxl.load_workbook(io.BytesIO(content)).active.iter_rows(values_only=True))
        assert [row[0] for row in rows[1:]] == [443, -5, "many"]
        assert [row[1] for row in rows[1:]] == ["99999999999999999999", 1024, None]

    def test_let_numbers_be_numbers_in_csv(self, question: Question) -> None:
        rows = csv_rows(content_of(made(question, "csv", sort=self.SORT)))

        assert rows[2][0] == "-5"


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

    def test_in_excel_go_on_in_another_sheet(self, tmp_path: Path) -> None:
        columns = [FileColumn("n", ValueType.INTEGER)]
        with (tmp_path / "book.xlsx").open("wb") as stream:
            options = WriterOptions(scratch=tmp_path)
            with ExcelWriter(stream, columns, options, sheet_rows=4) as writer:
                for number in range(7):
                    writer.write([str(number)])

        book = openpyxl.load_workbook(tmp_path / "book.xlsx")
        assert book.sheetnames == ["Answer", "Answer 2", "Answer 3"]
        numbers = [row[0] for sheet in book for row in sheet.iter_rows(min_row=2, values_only=True)]
        assert numbers == list(range(7))

    def test_in_parquet_have_row_groups(
        self, question: Question, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(export_formats, "_ROW_GROUP", 2)

        file = parquet.ParquetFile(io.BytesIO(content_of(made(question, "parquet"))))

        assert file.num_row_groups == 3
        assert file.metadata.num_rows == 5

    def test_in_excel_cut_what_no_cell_can_hold(self, ids: list[UUID]) -> None:
        question = answered(ids, [[("x" * 40_000, "")]])

        content = content_of(made(question, "xlsx"))

        cell = openpyxl.load_workbook(io.BytesIO(content)).active["A2"].value
        assert len(cell) == export_formats.LONGEST_CELL
        assert cell.endswith(export_formats.CUT)


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
        monkeypatch.setattr(
            export_writing,
            "_tell",
            lambda export: (
                cancel_export(export, now=scene.NOW) if export.rows_done else None,
                tell(export),
            ),
        )

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
        self, question: Question, asker: User, group: ComputerGroup
    ) -> None:
        other = scene.group_named("Hamburg")
        export = made(question, "csv", asker)
        role = asker.groups.get()
        role.computergroupgrant_set.update(content_object=other)
        Membership.objects.create(group=other, endpoint=question.targets.first().endpoint)

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
