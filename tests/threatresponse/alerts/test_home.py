from __future__ import annotations

import uuid

import pytest

from tests.console.api_client import make_user
from tests.console.computers import NOW, enrolled_endpoint
from threatresponse.alerts.home import home_part
from threatresponse.alerts.models import Alert

pytestmark = pytest.mark.django_db


class TestHomePart:
    def test_is_empty_for_users_who_may_not_see_alerts(self) -> None:
        part = home_part(make_user(), now=NOW)

        assert (part.tiles, part.panels) == ((), ())

    def test_sounds_the_alarm_only_when_something_waits(self) -> None:
        user = make_user("ada", "alerts.view_alert")
        [calm] = home_part(user, now=NOW).tiles
        Alert.objects.create(
            id=uuid.uuid4(),
            endpoint=enrolled_endpoint(),
            intel_revision=1,
            intel_name="Shell",
            happened_at=NOW,
            received_at=NOW,
            event={},
        )

        [loud] = home_part(user, now=NOW).tiles

        assert (calm.value, calm.tone) == ("0", "good")
        assert (loud.value, loud.tone) == ("1", "alarm")
