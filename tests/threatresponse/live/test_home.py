from __future__ import annotations

import pytest
from django.utils import timezone

from directconnect.models import Session
from tests.console.api_client import make_user
from tests.console.computers import NOW, enrolled_endpoint
from threatresponse.live.home import home_part

pytestmark = pytest.mark.django_db


class TestHomePart:
    def test_is_empty_for_users_who_may_not_open_sessions(self) -> None:
        assert home_part(make_user(), now=NOW).steps == ()

    def test_is_done_once_an_endpoint_was_attached(self) -> None:
        user = make_user("ada", "directconnect.open_session")
        [before] = home_part(user, now=NOW).steps
        Session.objects.create(
            endpoint=enrolled_endpoint(),
            opened_by=user,
            ticket_digest="0" * 64,
            requested_at=NOW,
            connected_at=timezone.now(),
            state=Session.State.OPEN,
        )

        [after] = home_part(user, now=NOW).steps

        assert (before.is_done, after.is_done) == (False, True)
