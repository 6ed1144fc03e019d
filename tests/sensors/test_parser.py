"""The parser reads the language, and finds names in it."""

from __future__ import annotations

import pytest

from protocol.questions import AllOf, AnyOf, Comparison, Filter, Not, SensorCall
from sensors.catalogue import BUILT_IN
from sensors.definitions import Column, ValueType
from sensors.exceptions import QuestionRefused
from sensors.language import NameIndex, ParsedQuestion, ResultColumn, parse_filter, parse_question
from tests.sensors.samples import BY_NAME, INDEX, INDEX_WITH_HEAVY, SENSORS, sensor


def ask(text: str) -> ParsedQuestion:
    return parse_question(text, INDEX)


def refused(text: str) -> QuestionRefused:
    with pytest.raises(QuestionRefused) as caught:
        ask(text)
    return caught.value


def call(name: str, **parameters: str) -> SensorCall:
    found = BY_NAME[name]
    return SensorCall(key=found.key, name=name, parameters=parameters, columns=len(found.columns))


def compared(name: str, operator: str, value: str = "", column: str = "") -> Filter:
    return Comparison(call=call(name), operator=operator, value=value, column=column)


def named(question: ParsedQuestion) -> list[str]:
    return [selection.call.name for selection in question.selections]


class TestGuideForms:
    def test_get_one_sensor(self) -> None:
        question = ask("Get Computer Name from all machines")

        assert named(question) == ["Computer Name"]
        assert (question.filter, question.group) == (None, None)
        assert question.columns == (ResultColumn("Computer Name", "Computer Name", ValueType.TEXT),)

    def test_get_two_sensors(self) -> None:
        question = ask("Get Computer Name and IP Address from all machines")

        assert named(question) == ["Computer Name", "IP Address"]

    def test_choose_machines(self) -> None:
        question = ask('Get Computer Name from machines with Is Windows containing "True"')

        assert question.filter == compared("Is Windows", "containing", "True")

    def test_choose_rows_and_machines(self) -> None:
        question = ask(
            'Get Service Details containing "PolicyAgent" from all machines '
            'with Service Details containing "PolicyAgent"'
        )

        wanted = compared("Service Details", "containing", "PolicyAgent")
        assert question.selections[0].only == wanted
        assert question.filter == wanted
        assert [column.name for column in question.columns] == [
            *("Service Name", "Service Status", "Mode"),
        ]

    @pytest.mark.parametrize("end", ["", ".", "?", " . "])
    def test_fill_in_a_parameter(self, end: str) -> None:
        question = ask(
            "Get Installed Application Exists[audit] from all machines "
            f'with Is Linux containing "true"{end}'
        )

        parameters = question.selections[0].call.parameters
        assert parameters == {"name": "audit", "exact": "0", "order": "By Name"}

    def test_break_lines_anywhere(self) -> None:
        assert named(ask("Get Threat  Response -\nStatus from all\r\nmachines")) == [
            "Threat Response - Status"
        ]


class TestNames:
    @pytest.mark.parametrize(
        ("text", "names"),
        [
            ("Running Processes with Hash", ["Running Processes with Hash"]),
            (
                "Index Query File Path Using Name, Path and Hash, Computer Name",
                ["Index Query File Path Using Name, Path and Hash", "Computer Name"],
            ),
            ("host name, RUNNING PROCESSES", ["Computer Name", "Running Processes"]),
            ('"Computer Name" and “User Groups”', ["Computer Name", "User Groups"]),
            ("Not Patched and Is Windows", ["Not Patched", "Is Windows"]),
        ],
    )
    def test_may_hold_words_of_the_language(self, text: str, names: list[str]) -> None:
        assert named(ask(f"Get {text} from all machines")) == names

    def test_come_before_words_of_the_language_in_filters(self) -> None:
        condition = parse_filter("Not Patched is x and not Not Patched is y", SENSORS)

        assert condition == AllOf(
            parts=[
                compared("Not Patched", "is", "x"),
                Not(part=compared("Not Patched", "is", "y")),
            ]
        )

    @pytest.mark.parametrize(
        ("name", "near"),
        [
            ("Computr Name", ("Computer Name",)),
            ("Proceses Running", ()),
            ("Secret", ()),
            ('"Computer Nam"', ("Computer Name",)),
        ],
    )
    def test_unknown_are_refused_with_the_nearest(self, name: str, near: tuple[str, ...]) -> None:
        error = refused(f"Get {name} from all machines")

        assert (error.line, error.column, error.length) == (1, 5, len(name))
        assert error.message.startswith("there is no sensor")
        assert error.expected[: len(near)] == near

    def test_forbidden_are_refused_like_unknown(self) -> None:
        text = "Get Hidden from all machines"
        visible = NameIndex([sensor("Computer Name")])

        with pytest.raises(QuestionRefused) as unknown:
            parse_question(text, visible)

        assert str(unknown.value) == "line 1, column 5: there is no sensor “Hidden”"

    def test_longer_are_suggested_when_a_short_one_stands_there(self) -> None:
        error = refused("Get Running Processes with Hsh from all machines")

        assert (error.column, error.length) == (23, 4)
        assert "did you mean “Running Processes with Hash”?" in error.message

    @pytest.mark.parametrize("filtered", ["Search Disk", 'Is Linux is true and not "Search Disk"'])
    def test_of_jobs_are_refused_in_a_filter(self, filtered: str) -> None:
        text = f"Get Search Disk from all machines with {filtered} containing x"

        with pytest.raises(QuestionRefused) as refusal:
            parse_question(text, INDEX_WITH_HEAVY)

        error = refusal.value
        marked = text[error.column - 1 : error.column - 1 + error.length]
        assert marked.strip('"') == "Search Disk"
        assert error.column > text.index("with")
        assert "starts a job" in error.message

    def test_that_end_jobs_are_refused_in_a_filter(self) -> None:
        text = 'Get Computer Name from all machines with Cancel Incident Response Job["a"] is "x"'

        with pytest.raises(QuestionRefused) as refusal:
            parse_question(text, NameIndex(BUILT_IN.values()))

        assert "changes jobs" in refusal.value.message

    def test_behind_a_parenthesis_suggest_nothing(self) -> None:
        error = refused('Get Computer Name from all machines with Is Linux is "x" Linux')

        assert "did you mean" not in error.message


class TestOperators:
    @pytest.mark.parametrize(
        ("text", "operator"),
        [
            ('containing "5"', "containing"),
            ("contains 5", "containing"),
            ("not containing 5", "not containing"),
            ("does not contain 5", "not containing"),
            ("is 5", "is"),
            ("equals 5", "is"),
            ("=5", "is"),
            ("!= 5", "is not"),
            ("is not 5", "is not"),
            ("not is 5", "is not"),
            ("starting with 5", "starting with"),
            ("starts with 5", "starting with"),
            ("does not start with 5", "not starting with"),
            ("ends with 5", "ending with"),
            ("not ending with 5", "not ending with"),
            ("matches 5", "matching"),
            ("not matching 5", "not matching"),
            ("is greater than 5", "greater than"),
            ("> 5", "greater than"),
            (">=5", "at least"),
            ("≤ 5", "at most"),
            ("is not less than 5", "not less than"),
            ("not at most 5", "not at most"),
            ("IS  EMPTY", "is empty"),
            ("is not empty", "is not empty"),
        ],
    )
    def test_have_many_spellings(self, text: str, operator: str) -> None:
        value = "" if "empty" in operator else "5"

        assert parse_filter(f"Everything:The integer {text}", INDEX) == compared(
            "Everything", operator, value, "The integer"
        )

    def test_know_networks(self) -> None:
        assert parse_filter("IP Address is not in cidr 10.0.0.0/8", INDEX) == compared(
            "IP Address", "not in cidr", "10.0.0.0/8"
        )

    @pytest.mark.parametrize(
        ("text", "value"),
        [
            ('"a ""b"" c"', 'a "b" c'),
            ('"C:\\"', "C:\\"),
            ('“a"b”', 'a"b'),
            ("/usr/bin:x=1", "/usr/bin:x=1"),
            ('"and"', "and"),
        ],
    )
    def test_take_values(self, text: str, value: str) -> None:
        assert parse_filter(f"Computer Name is {text}", INDEX) == compared(
            "Computer Name", "is", value
        )


class TestStructure:
    A, B, C = (compared("Computer Name", "is", value) for value in "abc")

    @pytest.mark.parametrize(
        ("text", "tree"),
        [
            ("{a} and {b} or {c}", AnyOf(parts=[AllOf(parts=[A, B]), C])),
            ("{a} AND ({b} Or {c})", AllOf(parts=[A, AnyOf(parts=[B, C])])),
            ("({a} or {b}) or {c}", AnyOf(parts=[A, B, C])),
            ("not {a} and {b}", AllOf(parts=[Not(part=A), B])),
            ("NOT ({a} and {b})", Not(part=AllOf(parts=[A, B]))),
            ("not not {a}", Not(part=Not(part=A))),
            ("(({a}))", A),
        ],
    )
    def test_binds_not_before_and_before_or(self, text: str, tree: Filter) -> None:
        names = {letter: f"Computer Name is {letter}" for letter in "abc"}

        assert parse_filter(text.format(**names), INDEX) == tree

    @pytest.mark.parametrize(
        "text",
        [
            'all machines in group "Web servers" with Is Linux is true',
            "machines with Is Linux is true in group “Web servers”",
            'endpoints in group "Web servers" with (Is Linux is true)',
        ],
    )
    def test_takes_a_group(self, text: str) -> None:
        question = ask(f"Get Computer Name from {text}")

        assert question.group == "Web servers"
        assert question.filter == compared("Is Linux", "is", "true")


class TestRowConditions:
    NAME = "Running Processes"

    def only(self, text: str) -> tuple[Filter | None, list[str]]:
        question = ask(f"Get Running Processes {text} from all machines")
        return question.selections[0].only, named(question)[1:]

    def root(self) -> Filter:
        return compared(self.NAME, "is", "root", "User")

    def test_name_columns_behind_where(self) -> None:
        assert self.only("where user = root") == (self.root(), [])
        assert self.only('where "User" is root') == (self.root(), [])

    def test_go_on_behind_and_with_another_column(self) -> None:
        other = compared(self.NAME, "greater than", "5", "PID")

        assert self.only("where User is root and PID > 5") == (
            AllOf(parts=[self.root(), other]),
            [],
        )

    @pytest.mark.parametrize("text", ["(contains x)", "not (contains x)", "not User is x"])
    def test_go_on_behind_and_with_a_group_or_negation(self, text: str) -> None:
        only, others = self.only(f"where User is root and {text}")

        assert isinstance(only, AllOf)
        assert others == []

    @pytest.mark.parametrize(
        "text",
        ["User Groups is x", "Not Patched", "Computer Name contains x", "Is Windows", "IP Address"],
    )
    def test_end_before_a_sensor(self, text: str) -> None:
        only, others = self.only(f"where User is root and {text}")

        assert only == self.root()
        assert others == [text.removesuffix(" contains x").removesuffix(" is x")]

    def test_end_at_a_comma(self) -> None:
        assert self.only("where User is root, Computer Name") == (self.root(), ["Computer Name"])

    def test_take_any_column_where_none_is_named(self) -> None:
        assert self.only("not containing x and Is Windows") == (
            compared(self.NAME, "not containing", "x"),
            ["Is Windows"],
        )
        assert self.only("where (is x or is y)")[0] == AnyOf(
            parts=[compared(self.NAME, "is", "x"), compared(self.NAME, "is", "y")]
        )

    def test_tell_columns_from_operators(self) -> None:
        assert self.only("where Is Default is true")[0] == compared(
            self.NAME, "is", "true", "Is Default"
        )

    def test_take_the_words_of_an_operator_for_a_column_only_before_an_operator(self) -> None:
        index = NameIndex([sensor("Odd", Column("Is"), Column("Mode"))])

        for text, column in (("is mode", ""), ("is is mode", "Is"), ("mode is is", "Mode")):
            only = (
                parse_question(f"Get Odd where {text} from all machines", index).selections[0].only
            )
            assert isinstance(only, Comparison)
            assert (only.operator, only.column) == ("is", column)

    def test_drop_the_name_of_an_only_column(self) -> None:
        question = ask("Get Computer Name where Computer Name is x from all machines")

        assert question.selections[0].only == compared("Computer Name", "is", "x")

    def test_are_not_written_with_a_colon(self) -> None:
        assert "`where`" in refused("Get Running Processes:User is root from all machines").message
