"""Narrow the news of alerts for the page of one user."""

from __future__ import annotations

from uuid import UUID

from django.contrib.auth.models import AbstractUser

from console.core.live_topics import News
from console.endpoints.reach import reach_of
from threatresponse.alerts.selectors import VIEW


def news_reached_by(user: AbstractUser, news: News) -> News:
    """Leave the alerts of the endpoints that this user may see alerts of, in rows and count."""
    reach = reach_of(user, VIEW)
    if reach.everything:
        return news
    reached = {str(endpoint_id) for endpoint_id in reach.includes(map(UUID, news.counts))}
    counts = {subject: count for subject, count in news.counts.items() if subject in reached}
    rows = [row for row in news.rows if row["endpoint"] in reached]
    return News(count=sum(counts.values()), rows=rows, counts=counts)
