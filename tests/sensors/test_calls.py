"""Equal calls have equal keys, and a question runs each call once."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from protocol.questions import AllOf, Comparison, Not, Script, Selection, SensorCall
from sensors.calls import LONGEST_KEY, canonical, comparisons_in, distinct_calls

NAME = SensorCall(key="computer.name", name="Computer Name")


class TestCanonical:
    def test_is_the_key_alone_without_parameters(self) -> None:
        assert canonical(NAME) == "computer.name"

    def test_does_not_depend_on_the_order_of_parameters(self) -> None:
        one = SensorCall(key="k", name="K", parameters={"a": "1", "b": "2"})
        other = SensorCall(key="k", name="k", parameters={"b": "2", "a": "1"}, columns=3)

        assert canonical(one) == canonical(other) == 'k[["a","1"],["b","2"]]'

    def test_leaves_out_name_and_script(self) -> None:
        script = Script(language="shell", text="echo", columns=1)

        assert canonical(SensorCall(key="k", name="x", script=script)) == "k"

    def test_stays_short_however_long_the_parameters_are(self) -> None:
        one, other = (
            canonical(SensorCall(key="k" * 128, name="", parameters={"a": end * 9999}))
            for end in "xy"
        )

        assert one != other
        assert max(len(one), len(other)) <= LONGEST_KEY

    @given(*[st.dictionaries(st.text(max_size=3), st.text(max_size=3), max_size=3)] * 2)
    def test_is_equal_exactly_for_equal_parameters(
        self, one: dict[str, str], other: dict[str, str]
    ) -> None:
        keys = [canonical(SensorCall(key="k", name="", parameters=item)) for item in (one, other)]

        assert (keys[0] == keys[1]) == (one == other)


class TestDistinctCalls:
    def test_lists_the_filter_first_and_each_call_once(self) -> None:
        other = SensorCall(key="b", name="B")
        compared = Comparison(call=other, operator="is", value="x")
        again = Comparison(call=NAME, operator="is", value="x")
        condition = AllOf(parts=[Not(part=compared), again, compared])

        calls = distinct_calls([Selection(call=NAME), Selection(call=other)], condition)

        assert list(calls) == ["b", "computer.name"]
        assert list(comparisons_in(condition)) == [compared, again, compared]

    def test_does_without_a_filter(self) -> None:
        assert distinct_calls([Selection(call=NAME)]) == {"computer.name": NAME}
