"""Which endpoints a user reaches, and who chooses it."""

from __future__ import annotations

import pytest

from console.access.models import Role, User
from console.audit.models import AuditEvent
from console.certificates.models import Certificate
from console.certificates.visibility import certificates_visible_to
from console.core.exceptions import InvalidInput
from console.endpoints.models import ComputerGroup, ComputerGroupGrant, Endpoint
from console.endpoints.reach import EVERYTHING, NOTHING, Reach, reach_of
from console.endpoints.role_reach import set_role_reach
from tests.console.api_client import PASSWORD, make_administrator, make_user
from tests.console.computers import ADMINISTRATOR, NOW, enrolled_endpoint
from tests.console.pages import messages_of
from tests.console.roles import all_computers, give_role, manual_group
from tests.permissions.scene import client_of

# Passwords that are asked for again are counted in the cache.
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("valkey")]

VIEW = "endpoints.view_endpoint"
REVOKE = "endpoints.revoke_endpoint"


def fresh(user: User) -> User:
    """Return the user as the next request has them."""
    return User.objects.get(pk=user.pk)


class TestReachOf:
    def test_is_the_union_of_the_roles_that_hold_the_permission(self) -> None:
        first, second, third = map(manual_group, ("First", "Second", "Third"))
        user = make_user("ada")
        give_role(user, VIEW, groups=[first])
        give_role(user, VIEW, REVOKE, groups=[second])
        give_role(user, groups=[third])

        assert reach_of(user, VIEW).group_ids == {first.pk, second.pk}
        assert reach_of(user, REVOKE).group_ids == {second.pk}

    def test_of_all_computers_is_everything(self) -> None:
        user = make_user("ada", VIEW)

        assert reach_of(user, VIEW) == EVERYTHING
        assert reach_of(make_administrator(), "any.thing") == EVERYTHING

    def test_of_nobody_and_the_inactive_is_nothing(self) -> None:
        user = make_user("ada", VIEW, is_active=False)

        assert reach_of(user, VIEW) == NOTHING
        assert not reach_of(make_user("bob"), VIEW)

    def test_changes_with_the_next_request(self) -> None:
        user = make_user("ada", VIEW)
        assert reach_of(user, VIEW)

        user.groups.clear()

        assert not reach_of(fresh(user), VIEW)


class TestReach:
    def test_narrows_rows_and_ids_to_members(self) -> None:
        near, far = enrolled_endpoint("near"), enrolled_endpoint("far")
        reach = Reach(group_ids=frozenset({manual_group("Near", near).pk}))

        assert list(reach.endpoints(Endpoint.objects.all())) == [near]
        owned = Certificate.objects.filter(purpose="ENDPOINT")
        assert list(reach.endpoints(owned, field="subject_id")) == [near.certificate]
        assert reach.includes([near.pk, far.pk]) == {near.pk}
        assert EVERYTHING.includes([near.pk, far.pk]) == {near.pk, far.pk}
        assert NOTHING.includes([near.pk]) == set()
        assert list(NOTHING.endpoints(Endpoint.objects.all())) == []

    def test_repeats_no_row_that_is_in_several_groups(self) -> None:
        near = enrolled_endpoint("near")
        groups = [manual_group(name, near).pk for name in ("One", "Two")]

        assert Reach(group_ids=frozenset(groups)).endpoints(Endpoint.objects.all()).count() == 1


class TestCertificates:
    def test_of_endpoints_out_of_reach_are_hidden_the_console_s_own_are_not(self) -> None:
        near, far = enrolled_endpoint("near"), enrolled_endpoint("far")
        user = make_user("ada")
        give_role(user, "certificates.view_certificate", groups=[manual_group("Near", near)])
        own = Certificate.objects.get(pk=near.certificate.pk)
        own.pk, own.purpose, own.subject_id = None, Certificate.Purpose.SERVER, None
        own.serial_number, own.fingerprint = "1", "1"
        own.save()

        visible = certificates_visible_to(user)

        assert near.certificate in visible
        assert far.certificate not in visible
        assert own in visible
        assert not certificates_visible_to(make_user("bob")).exists()


def groups_reached_by(role: Role) -> list[ComputerGroup]:
    """List the groups that a role reaches, by name."""
    granted = ComputerGroupGrant.objects.filter(group=role).values("content_object")
    return list(ComputerGroup.objects.filter(pk__in=granted).order_by("name"))


class TestSetRoleReach:
    def test_lets_a_role_reach_these_groups_and_no_other(self) -> None:
        role = Role.objects.create(name="analysts")
        first, second = manual_group("First"), manual_group("Second")

        set_role_reach(role, [first.pk], actor=ADMINISTRATOR, now=NOW)
        set_role_reach(role, [second.pk], actor=ADMINISTRATOR, now=NOW)

        assert groups_reached_by(role) == [second]
        event = AuditEvent.objects.latest("sequence")
        assert event.action == "role.reach"
        assert event.detail == {"before": ["First"], "after": ["Second"]}

    def test_refuses_a_group_that_is_not_there(self) -> None:
        role = Role.objects.create(name="analysts")

        with pytest.raises(InvalidInput):
            set_role_reach(role, [10_000], actor=ADMINISTRATOR, now=NOW)


class TestPane:
    def test_asks_for_the_administrator_s_own_password(self) -> None:
        role = Role.objects.create(name="analysts")
        browser = client_of(make_user("root", is_superuser=True, is_staff=True), api=False)
        address = f"/roles/{role.pk}/reach/"
        sent = {"groups": [all_computers().pk]}

        refused = browser.post(address, sent | {"reach-password": "wrong"}, follow=True)
        assert "not your password" in messages_of(refused)[0]
        assert groups_reached_by(role) == []

        saved = browser.post(address, sent | {"reach-password": PASSWORD}, follow=True)
        assert messages_of(saved) == ["“analysts” reaches All Computers."]
        assert groups_reached_by(role) == [all_computers()]

    def test_stands_on_the_page_of_a_role(self) -> None:
        role = Role.objects.create(name="analysts")
        manual_group("Frankfurt")
        browser = client_of(make_user("root", is_superuser=True, is_staff=True), api=False)

        page = browser.get(f"/access/role/{role.pk}/change/").content.decode()

        assert "Frankfurt" in page
        assert f'action="/roles/{role.pk}/reach/"' in page


def test_there_is_one_group_of_all_and_one_of_none() -> None:
    assert ComputerGroup.objects.filter(kind__in=("all", "none")).count() == 2
