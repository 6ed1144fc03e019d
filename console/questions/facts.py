"""Ask endpoints regularly what the rules of computer groups need to know of them.

One question for each call that a rule names, of source GROUPS: nobody sees it. What is answered
becomes a fact of the endpoint (`fact_answers`), from which its groups follow.
"""

from __future__ import annotations

import dataclasses
from datetime import datetime, timedelta
from typing import Final

import structlog

from console.core.actor import Actor
from console.endpoints.facts import calls_of_groups, forget_unused_facts
from console.endpoints.reach import EVERYTHING
from console.questions.exceptions import QuestionError
from console.questions.models import Question, Sensor
from console.questions.services import Terms, pose
from console.questions.targets import Scope
from console.questions.wording import word_call
from protocol.questions import SensorCall

log: structlog.stdlib.BoundLogger = structlog.get_logger()

# As long as such a question is open; then it is asked anew.
INTERVAL: Final = timedelta(minutes=10)


def ask_for_facts(*, now: datetime) -> int:
    """Ask every call of a group's rule that was not asked lately; tell how many.

    A sensor that is gone, or whose script is not ours, is left out: its rule stays undecided.
    """
    calls = calls_of_groups()
    if not calls:
        return 0
    recent = Question.objects.filter(source=Question.Source.GROUPS, asked_at__gt=now - INTERVAL)
    asked = set(recent.values_list("text", flat=True))
    keys = {call.key for call in calls.values()}
    sensors = {sensor.key: sensor for sensor in Sensor.objects.filter(key__in=keys)}
    return sum(
        _ask(name, call, sensors[call.key], now=now)
        for name, call in calls.items()
        if name not in asked and call.key in sensors
    )


def forget_facts() -> int:
    """Delete facts that no rule needs any more; tell how many."""
    return forget_unused_facts()


def _ask(name: str, call: SensorCall, sensor: Sensor, *, now: datetime) -> bool:
    terms = Terms(lifetime=INTERVAL, source=Question.Source.GROUPS)
    try:
        # Its text is the call itself: answers are kept under it.
        wording = dataclasses.replace(word_call(call, sensor), text=name)
        scope = Scope(reach=EVERYTHING)
        pose(wording, scope, terms, asked_by=None, actor=Actor.system("groups"), now=now)
    except QuestionError as refusal:
        log.warning("questions.fact_not_asked", sensor=sensor.name, reason=refusal.detail)
        return False
    return True
