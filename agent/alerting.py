"""Turn recorded events into alerts: evaluate, throttle, keep for the console.

Whatever a hostile process puts into its name or arguments, its alert goes out: texts are cut
before they could make a message too large to be sent.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from uuid import UUID, uuid4

import msgspec

from agent.delivery import Delivery
from agent.intel import DeployedRule, Intel
from agent.outbox import Outbox
from agent.throttle import AlertThrottle
from protocol.codec import UPWARD
from protocol.events import Event, Process, ProcessStarted
from protocol.exceptions import MessageTooLarge
from protocol.messages import AlertRaised, MatchedTerm

# Twice what an analyst reads of one term. 24 terms of this are far below the limit of a message.
FOUND_CHARACTERS = 2_048
CUT_CHARACTERS = 1_024
ELLIPSIS = "…"


class Alerting:
    """Raises alerts about what the endpoint records."""

    def __init__(
        self,
        *,
        intel: Intel,
        throttle: AlertThrottle,
        outbox: Outbox,
        delivery: Delivery,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._intel = intel
        self._throttle = throttle
        self._outbox = outbox
        self._delivery = delivery
        self._now = now
        self._own_process = os.getpid()
        self._names: dict[UUID, str] = {}
        self.raised = 0

    def take(self, events: Sequence[Event]) -> None:
        """Evaluate these events, and keep the alerts that are worth sending."""
        alerts: list[AlertRaised] = []
        happened = [event for event in events if not _was_running_before(event)]
        for position, match, rule in self._intel.evaluate(happened):
            event = happened[position]
            if self._is_own(event) or not self._throttle.admit(rule.intel_id, now=self._now()):
                continue
            self._names[rule.intel_id] = rule.name
            alerts.append(_alert(rule, event, match.matched))
        if alerts:
            self.raised += len(alerts)
            self._outbox.put(alerts)
            self._delivery.notify()

    def problems(self) -> list[str]:
        """Say which Signals were so noisy that alerts were held back."""
        held = self._throttle.held_back(now=self._now())
        return [
            f"Signal {self._names.get(intel_id, str(intel_id))!r} is noisy: "
            f"{count} alerts were held back."
            for intel_id, count in held.items()
        ]

    def _is_own(self, event: Event) -> bool:
        # Only the agent itself: what an intruder made it start must still be seen.
        return event.process is not None and event.process.pid == self._own_process


def _was_running_before(event: Event) -> bool:
    # An inventory, repeated at every start of the agent: nothing has happened just now, and kernel
    # threads without a path would please every rule about programs that do not exist.
    return isinstance(event, ProcessStarted) and event.already_running


def _alert(rule: DeployedRule, event: Event, matched: list[MatchedTerm]) -> AlertRaised:
    shortened = [
        msgspec.structs.replace(term, found=_cut(term.found, FOUND_CHARACTERS)) for term in matched
    ]
    alert = AlertRaised(
        id=uuid4(),
        intel_id=rule.intel_id,
        intel_revision=rule.revision,
        at=event.at,
        event=event,
        process=event.process,
        matched=shortened,
    )
    try:
        UPWARD.encode(alert)
    except MessageTooLarge:
        process = None if event.process is None else _cut_process(event.process)
        alert.event = msgspec.structs.replace(event, process=process)
        alert.process = process
    return alert


def _cut_process(process: Process) -> Process:
    """Keep the beginning of every long text of a process and of its ancestors."""
    ancestors = tuple(
        msgspec.structs.replace(
            ancestor,
            path=_cut(ancestor.path, CUT_CHARACTERS),
            command_line=_cut(ancestor.command_line, CUT_CHARACTERS),
        )
        for ancestor in process.ancestors
    )
    return msgspec.structs.replace(
        process,
        path=_cut(process.path, CUT_CHARACTERS),
        cwd=_cut(process.cwd, CUT_CHARACTERS),
        arguments=(_cut(" ".join(process.arguments), CUT_CHARACTERS),),
        command_line_text=_cut(process.command_line_text, CUT_CHARACTERS),
        ancestors=ancestors,
    )


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else text[:length] + ELLIPSIS
