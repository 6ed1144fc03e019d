from __future__ import annotations

import pytest

from tests.console.api_client import make_user
from tests.console.computers import ADMINISTRATOR, NOW, enrolled_endpoint
from threatresponse.deployment.home import home_part
from threatresponse.deployment.services import deploy_intel
from threatresponse.intel.services import SignalDraft, create_intel

pytestmark = pytest.mark.django_db(transaction=True)


class TestHomePart:
    def test_is_empty_for_users_who_may_not_see_intel(self) -> None:
        part = home_part(make_user(), now=NOW)

        assert (part.tiles, part.steps) == ((), ())

    def test_offers_no_step_to_users_who_may_not_write(self) -> None:
        part = home_part(make_user("ada", "intel.view_inteldocument"), now=NOW)

        assert (part.tiles[0].value, list(part.steps)) == ("0", [])

    def test_tells_how_far_the_signals_came(self) -> None:
        user = make_user("ada", "intel.view_inteldocument", "intel.add_inteldocument")
        enrolled_endpoint()
        draft = SignalDraft(name="Shell", definition="process.name is sh", platforms=["linux"])
        deploy_intel(
            create_intel(draft, actor=ADMINISTRATOR, now=NOW), actor=ADMINISTRATOR, now=NOW
        )

        part = home_part(user, now=NOW)

        assert (part.tiles[0].value, part.tiles[0].note) == ("1", "on 0 of 1 endpoints")
        assert part.steps[0].is_done
