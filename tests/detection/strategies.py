"""Random expressions and events over a small alphabet, so that they meet often."""

from __future__ import annotations

import ipaddress

from hypothesis import strategies as st

from detection.signals.expression import Condition, Expression, Not, Term, all_of, any_of
from detection.signals.patterns import escape_pattern
from detection.signals.properties import CONDITIONS_OF, PROPERTIES, Property, ValueType
from protocol.events import (
    Ancestor,
    DnsEvent,
    Event,
    FileEvent,
    ImageLoaded,
    NetworkEvent,
    Process,
    ProcessExited,
    ProcessStarted,
    RegistryEvent,
    SecurityEvent,
)

# Letters whose lower case has another length or depends on its neighbours, delimiters of the
# prefilter, wildcards, quotes: what could make two ways of matching disagree.
ALPHABET = "aAbB\\/.'*? \n\x01\x02é\u00df\u0130\u03a3\u03c2\u017f\u212aksKS"
ADDRESSES = ("10.0.0.1", "10.1.2.3", "192.168.0.9", "::1", "fe80::1", "::ffff:10.0.0.1")
NETWORKS = ("10.0.0.0/8", "10.0.0.1/32", "::/0", "fe80::/10", "0.0.0.0/0")
HASHES = ("a" * 32, "b" * 40, "c" * 64)
PATTERNS = (".*", "a.*", ".*a.*", "[ab]+", "(a|b)*", "a?b", r"\.", ".", r".*\\a", r"\d+", "s", "k")

texts = st.text(ALPHABET, max_size=5)
values = st.text(ALPHABET, min_size=1, max_size=3)
patterns = st.sampled_from(PATTERNS) | values.map(lambda v: f".*{escape_pattern(v)}.*")


@st.composite
def terms(draw: st.DrawFn) -> Term:
    """Draw a valid term about any property."""
    row = draw(st.sampled_from(list(PROPERTIES.values())))
    condition = draw(st.sampled_from(sorted(CONDITIONS_OF[row.type])))
    return Term(row.name, condition, draw(_value(row, condition)), draw(st.booleans()))


def _value(row: Property, condition: Condition) -> st.SearchStrategy[str | int]:
    if condition is Condition.IS_NULL:
        return st.just("")
    if condition is Condition.MATCHES:
        return patterns
    if condition is Condition.IN_CIDR:
        return st.sampled_from([str(ipaddress.ip_network(text)) for text in NETWORKS])
    if condition is Condition.IS:
        exact: dict[ValueType, st.SearchStrategy[str | int]] = {
            ValueType.INTEGER: st.sampled_from([0, 1, 443]),
            ValueType.ADDRESS: st.sampled_from(ADDRESSES).map(
                lambda text: str(ipaddress.ip_address(text))
            ),
            ValueType.HASH: st.sampled_from(HASHES),
        }
        return exact.get(row.type, values)
    return values


expressions: st.SearchStrategy[Expression] = st.recursive(
    terms(),
    lambda parts: st.one_of(
        st.lists(parts, min_size=2, max_size=4).map(lambda drawn: all_of(*drawn)),
        st.lists(parts, min_size=2, max_size=4).map(lambda drawn: any_of(*drawn)),
        parts.map(Not),
    ),
    max_leaves=8,
)

integers = st.sampled_from([-1, 0, 1, 443])
hashes = st.none() | st.sampled_from(HASHES)
addresses = st.sampled_from(("", "unreadable", *ADDRESSES))

ancestors = st.builds(Ancestor, integers, integers, texts, texts, texts)
processes = st.none() | st.builds(
    Process,
    key=integers,
    pid=integers,
    started_at=integers,
    path=texts,
    arguments=st.lists(texts, max_size=2).map(tuple),
    command_line_text=texts,
    cwd=texts,
    user=texts,
    user_id=integers,
    logon_id=integers,
    container=texts,
    ancestors=st.lists(ancestors, max_size=2).map(tuple),
    md5=hashes,
    sha1=hashes,
    sha256=hashes,
    original_name=texts,
    signer=texts,
)
events: st.SearchStrategy[Event] = st.one_of(
    st.builds(ProcessStarted, at=st.just(1), process=processes),
    st.builds(ProcessExited, at=st.just(1), process=processes),
    st.builds(FileEvent, at=st.just(1), process=processes, operation=texts, path=texts, md5=hashes),
    st.builds(
        NetworkEvent,
        at=st.just(1),
        process=processes,
        operation=texts,
        protocol=texts,
        local_address=addresses,
        local_port=integers,
        address=addresses,
        port=integers,
        domain=texts,
    ),
    st.builds(DnsEvent, at=st.just(1), process=processes, query=texts, response=texts),
    st.builds(
        RegistryEvent,
        at=st.just(1),
        process=processes,
        operation=texts,
        key_path=texts,
        value_name=texts,
        value_data=texts,
    ),
    st.builds(ImageLoaded, at=st.just(1), process=processes, path=texts, sha256=hashes),
    st.builds(
        SecurityEvent,
        at=st.just(1),
        process=processes,
        operation=texts,
        user=texts,
        source_address=addresses,
    ),
)
