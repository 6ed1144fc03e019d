"""Which news of questions an open page hears."""

from __future__ import annotations

from uuid import UUID

from console.access.models import User
from console.core.live_topics import News
from console.questions.selectors import reaches_all, viewing_reach, visible_questions


def news_about_seen(user: User, news: News) -> News:
    """Leave the questions that the user sees whole.

    Of one of which they see a part, the news alone would tell that others answered, too: their
    page looks by itself every few seconds.
    """
    ids = {UUID(row["id"]) for row in news.rows}
    seen = {
        str(question.pk)
        for question in visible_questions(user).filter(pk__in=ids).defer("request", "envelope")
        if reaches_all(question, viewing_reach(user, question))
    }
    rows = [row for row in news.rows if row["id"] in seen]
    return News(count=len(rows), rows=rows)
