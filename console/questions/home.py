"""What the home page says about questions."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from django.urls import reverse

from console.access.models import User
from console.core.home import HomePart, Panel, Step
from console.questions.selectors import VIEW, visible_questions
from console.questions.services import ASK
from console.questions.views import recent_rows

NEWEST: Final = 6


def home_part(user: User, *, now: datetime) -> HomePart:
    """Offer to ask, and show what was asked last and how far it is."""
    may_ask = user.has_perm(ASK)
    if not may_ask and not user.has_perm(VIEW):
        return HomePart()
    questions = list(
        visible_questions(user).prefetch_related("groups").defer("request", "envelope")[:NEWEST]
    )
    page = reverse("questions")
    panel = Panel(
        "questions/home.html",
        {"rows": recent_rows(user, questions, now), "page": page, "may_ask": may_ask},
        order=15,
    )
    step = Step(
        title="Ask all endpoints a question",
        text="Type it or click it together; answers arrive while you watch, merged and counted.",
        url=page,
        action="Ask",
        is_done=any(question.asked_by_id == user.pk for question in questions),
        order=30,
    )
    return HomePart(steps=[step] if may_ask else [], panels=[panel])
