"""What the files of each format do with values that endpoints made up."""

from __future__ import annotations

import io
from pathlib import Path
from uuid import UUID

import openpyxl
import pytest
import redis
from openpyxl.utils.escape import unescape
from pyarrow import parquet

from console.questions import export_excel, export_parquet
from console.questions.answers import record_answers
from console.questions.export_excel import ExcelWriter
from console.questions.export_formats import WriterOptions, disarm
from console.questions.export_rows import FileColumn
from console.questions.models import Question
from sensors.definitions import ValueType
from tests.console.questions import scene
from tests.console.questions.exporting import (
    answered,
    content_of,
    csv_rows,
    json_rows,
    made,
)

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
def ids(valkey: redis.Redis) -> list[UUID]:
    valkey.flushdb()
    scene.prepare()
    return scene.endpoints(2)


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

        sheet = openpyxl.load_workbook(io.BytesIO(content)).worksheets[0]
        cells = [row[0] for row in sheet.iter_rows(min_row=2)]
        assert {cell.data_type for cell in cells if cell.value is not None} == {"s"}
        assert not [cell for cell in cells if cell.hyperlink]
        shown = {unescape(str(cell.value or "")) for cell in cells}
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

        rows = list(
            openpyxl.load_workbook(io.BytesIO(content)).worksheets[0].iter_rows(values_only=True)
        )
        assert [row[0] for row in rows[1:]] == [443, -5, "many"]
        assert [row[1] for row in rows[1:]] == ["99999999999999999999", 1024, None]

    def test_let_numbers_be_numbers_in_csv(self, question: Question) -> None:
        rows = csv_rows(content_of(made(question, "csv", sort=self.SORT)))

        assert rows[2][0] == "-5"


class TestLimits:
    @pytest.fixture
    def question(self, ids: list[UUID]) -> Question:
        rows = [[(f"web-{n}", ""), (f"host-{n}", "")] for n in range(2)]
        return answered(ids, [*rows[:1], [*rows[1], ("all", "")]])

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
        monkeypatch.setattr(export_parquet, "_ROW_GROUP", 2)

        file = parquet.ParquetFile(io.BytesIO(content_of(made(question, "parquet"))))

        assert file.num_row_groups == 3
        assert file.metadata.num_rows == 5

    def test_in_excel_cut_what_no_cell_can_hold(self, ids: list[UUID]) -> None:
        question = answered(ids, [[("x" * 40_000, "")]])

        content = content_of(made(question, "xlsx"))

        cell = openpyxl.load_workbook(io.BytesIO(content)).worksheets[0]["A2"].value
        assert len(cell) == export_excel.LONGEST_CELL
        assert cell.endswith(export_excel.CUT)
