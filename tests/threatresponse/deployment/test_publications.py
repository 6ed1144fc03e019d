"""What a publication holds."""

from __future__ import annotations

from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from protocol.instructions import SignalRule
from threatresponse.deployment.publications import pack_rules, rules_for, unpack_rules

rules = st.lists(
    st.builds(
        SignalRule,
        intel_id=st.uuids(),
        revision=st.integers(1, 2**62),
        name=st.text(max_size=20),
        definition=st.text(max_size=50),
        platforms=st.lists(st.sampled_from(["linux", "windows", "macos"]), max_size=3),
        techniques=st.lists(st.text(max_size=9), max_size=3),
    ),
    max_size=5,
)


@given(rules)
def test_rules_come_back_as_they_went_in(packed: list[SignalRule]) -> None:
    content, digest = pack_rules(packed)

    assert unpack_rules(content) == packed
    assert (content, digest) == pack_rules(packed)


def test_an_endpoint_gets_the_rules_for_its_operating_system() -> None:
    linux = SignalRule(
        intel_id=UUID(int=1), revision=1, name="a", definition="x", platforms=["linux"]
    )

    assert rules_for([linux], "linux") == [linux]
    assert rules_for([linux], "windows") == []
