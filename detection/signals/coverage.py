"""Tell an author where a Signal could never match, because nothing records what it asks for.

The language knows properties that no agent fills yet. A Signal that needs one is not wrong, and
would be stored, deployed and silent for ever: whoever writes it must be told.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Final

from detection.signals.binding import bind
from detection.signals.expression import And, Condition, Expression, Or, Term, terms_in
from detection.signals.properties import EVERYWHERE, LINUX, PROPERTIES

NOT_RECORDED: Final[dict[str, frozenset[str]]] = {
    LINUX: frozenset(
        {
            "file.hash",
            "file.magic",
            "network.domain",
            "dns.response",
            "image.path",
            "image.hash",
        }
    )
}
"""By operating system, the properties that exist there and that its agent does not record yet."""


def warnings_about(expression: Expression, platforms: Collection[str]) -> tuple[str, ...]:
    """Say in one sentence for each operating system what of a Signal can never match there.

    `platforms` as for `parse_signal`: empty means all. Empty when there is nothing to say.
    """
    return tuple(
        sentence
        for platform in sorted(NOT_RECORDED)
        if platform in (platforms or EVERYWHERE)
        for sentence in _about(expression, platform)
    )


def _about(expression: Expression, platform: str) -> Iterator[str]:
    bound = [binding.expression for binding in bind(expression)]
    name = platform.capitalize()
    silent = dict.fromkeys(
        term.property
        for part in bound
        for term in terms_in(part)
        if not _term_can_hold(term, platform) and term.property in NOT_RECORDED[platform]
    )
    listed = " and ".join(silent)
    verb = "are" if len(silent) > 1 else "is"
    if not any(_can_hold(part, platform) for part in bound):
        listed = listed or "what it asks for"
        yield f"It can never match on {name}: {listed} {verb} not recorded there."
    elif silent:
        yield f"What needs {listed} never matches on {name}, where that is not recorded yet."


def _can_hold(expression: Expression, platform: str) -> bool:
    """Tell whether an expression without `Not` can be true on this operating system."""
    if isinstance(expression, And | Or):
        joined = all if isinstance(expression, And) else any
        return joined(_can_hold(part, platform) for part in expression.parts)
    return all(_term_can_hold(term, platform) for term in terms_in(expression))


def _term_can_hold(term: Term, platform: str) -> bool:
    known = platform in PROPERTIES[term.property].platforms
    if known and term.property not in NOT_RECORDED[platform]:
        return True
    # Of an absent property only `is null`, and every other condition's negation, is true.
    return (term.condition is Condition.IS_NULL) != term.negated
