from __future__ import annotations

import pytest

from console.access.strength import is_no_weaker
from tests.console.api_client import make_administrator, make_user
from tests.console.roles import give_role, manual_group

pytestmark = pytest.mark.django_db

SEES, CHANGES = "alerts.view_alert", "alerts.change_alert"


class TestStrength:
    def test_is_equal_with_the_same_permissions_in_the_same_groups(self) -> None:
        group = manual_group("Warsaw")
        ada, bob = make_user("ada"), make_user("bob")
        give_role(ada, SEES, groups=[group])
        give_role(bob, SEES, CHANGES, groups=[group])

        assert is_no_weaker(bob, ada)
        assert not is_no_weaker(ada, bob)

    def test_is_less_where_fewer_endpoints_are_reached(self) -> None:
        ada, bob = make_user("ada", SEES), make_user("bob")
        give_role(bob, SEES, groups=[manual_group("Warsaw")])

        assert not is_no_weaker(bob, ada)

    def test_is_not_added_up_across_roles(self) -> None:
        warsaw, lyon = manual_group("Warsaw"), manual_group("Lyon")
        ada, bob = make_user("ada"), make_user("bob")
        give_role(ada, SEES, groups=[warsaw])
        give_role(bob, CHANGES, groups=[warsaw])
        give_role(bob, SEES, groups=[lyon])

        assert not is_no_weaker(bob, ada)

    def test_of_an_administrator_is_enough_for_everybody(self) -> None:
        root = make_administrator()

        assert is_no_weaker(root, make_user("ada", SEES))
        assert not is_no_weaker(make_user("bob", SEES), root)

    def test_of_somebody_inactive_is_what_they_would_have(self) -> None:
        ada = make_user("ada", CHANGES, is_active=False)

        assert not is_no_weaker(make_user("bob", SEES), ada)
