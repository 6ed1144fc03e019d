"""Evaluate one expression on one event, term by term, without compiling anything.

Slow and plain on purpose: it is the definition of what a Signal means. The engine must give the
same answer for every event, and tests compare the two.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

from detection.signals.binding import kind_of_term, push_negations
from detection.signals.expression import And, Condition, Expression, Term, fold, parts_of
from detection.signals.patterns import compile_pattern
from detection.signals.properties import PROCESS, PROPERTIES, read_property, texts_of
from protocol.events import Event, kind_of
from protocol.messages import MatchedTerm


def matches_directly(expression: Expression, event: Event) -> bool:
    """Tell whether a Signal with this expression matches an event (see `binding` for which)."""
    return _holds(push_negations(expression), event)[1]


def term_holds(term: Term, event: Event) -> bool:
    """Tell whether one term is true of an event; an absent property makes negations true."""
    texts = [fold(text) for text in texts_of(read_property(PROPERTIES[term.property], event))]
    if term.condition is Condition.IS_NULL:
        return (not texts) != term.negated
    return any(text_satisfies(term, text) for text in texts) != term.negated


def text_satisfies(term: Term, text: str) -> bool:
    """Tell whether a folded text satisfies a term's condition, its negation left aside."""
    value = fold(str(term.value))
    match term.condition:
        case Condition.CONTAINS:
            return value in text
        case Condition.STARTS_WITH:
            return text.startswith(value)
        case Condition.ENDS_WITH:
            return text.endswith(value)
        case Condition.MATCHES:
            return compile_pattern(str(term.value)).fullmatch(text) is not None
        case Condition.IN_CIDR:
            return address_is_in(text, ipaddress.ip_network(str(term.value)))
    return text == value


def address_is_in(text: str, network: ipaddress.IPv4Network | ipaddress.IPv6Network) -> bool:
    """Tell whether a text is an address inside a network; IPv4 in IPv6 clothes counts as IPv4."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return address in network or (mapped is not None and mapped in network)


def matched_terms(expression: Expression, event: Event) -> list[MatchedTerm]:
    """List the terms that made an expression true of an event, with the text each was true of.

    Exclusions (negated terms) are left out unless there is nothing else to show. `expression`
    must be free of `Not`, as bindings are.
    """
    satisfied = list(_satisfied(expression, event))
    shown = [term for term in satisfied if not term.negated] or satisfied
    return [_matched(term, event) for term in dict.fromkeys(shown)]


def _holds(expression: Expression, event: Event) -> tuple[bool, bool]:
    """Tell whether a `Not`-free expression is true, and whether a term of the event's kind is."""
    if isinstance(expression, Term):
        kind = kind_of_term(expression)
        speaks = kind in (PROCESS, kind_of(event))
        true = speaks and term_holds(expression, event)
        return true, true and kind == kind_of(event)
    held = [_holds(part, event) for part in parts_of(expression)]
    is_so = any(bound for _, bound in held)
    if isinstance(expression, And):
        true = all(holds for holds, _ in held)
        return true, true and is_so
    return any(holds for holds, _ in held), is_so


def _satisfied(expression: Expression, event: Event) -> Iterator[Term]:
    """Yield the terms that make a true, `Not`-free expression true."""
    if isinstance(expression, Term):
        yield expression
        return
    for part in parts_of(expression):
        if isinstance(expression, And) or _is_true(part, event):
            yield from _satisfied(part, event)


def _is_true(expression: Expression, event: Event) -> bool:
    if isinstance(expression, Term):
        return term_holds(expression, event)
    decide = all if isinstance(expression, And) else any
    return decide(_is_true(part, event) for part in parts_of(expression))


def _matched(term: Term, event: Event) -> MatchedTerm:
    texts = list(texts_of(read_property(PROPERTIES[term.property], event)))
    fitting = [t for t in texts if not term.negated and text_satisfies(term, fold(t))]
    return MatchedTerm(
        property=term.property,
        condition=term.spelling,
        value=str(term.value),
        found=(fitting or texts or [""])[0],
    )
