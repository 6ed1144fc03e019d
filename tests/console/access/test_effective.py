from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.contrib.auth.models import Permission
from django.http import HttpRequest

from console.access import reach_notes
from console.access.effective import effective_access, explain
from console.access.models import Role, User
from console.access.reach_notes import ReachedGroup, ReachNote, ReachPane, ReachProvider
from tests.console.api_client import make_administrator, make_user
from tests.console.pages import browser, text_of

pytestmark = pytest.mark.django_db

OWN = "/access/user/own-access/"
WARSAW = ReachedGroup("Warsaw", 3)


class Groups:
    """The computer groups of roles, by the key of the role, in the place of the real ones."""

    def __init__(self) -> None:
        self.by_role: dict[str, ReachNote] = {}

    def notes(self, numbers: object) -> dict[int, ReachNote]:
        roles = Role.objects.filter(key__in=self.by_role)
        return {role.pk: self.by_role[role.key or ""] for role in roles}

    def pane(self, request: HttpRequest, role: Role) -> ReachPane:
        return ReachPane("access/field.html")


@pytest.fixture
def groups() -> Iterator[Groups]:
    there = list(reach_notes._providers)
    reach_notes._providers.clear()
    groups = Groups()
    reach_notes.register(ReachProvider(groups.notes, groups.pane))
    yield groups
    reach_notes._providers[:] = there


def _with(user: User, *keys: str) -> User:
    user.groups.add(*Role.objects.filter(key__in=keys))
    return user


class TestEffectiveAccess:
    def test_says_where_and_because_of_which_role(self, groups: Groups) -> None:
        groups.by_role["threat_response_user"] = ReachNote(endpoints=3, groups=(WARSAW,))
        ada = _with(make_user("ada"), "threat_response_user", "direct_connect_user")

        access = effective_access(ada)

        held = {one.permission.key: one for section in access.sections for one in section.held}
        assert [role.name for role in held["detect_alert_read"].roles] == ["Threat Response User"]
        assert held["detect_alert_read"].groups == (WARSAW,)
        assert held["direct_connect_session_write"].is_nowhere
        assert not held["detect_intel_write"].is_nowhere
        assert "Direct Connect" in held["read_sensor"].content_sets
        assert len(held["read_sensor"].roles) == 2
        assert "console_audit_read" not in held

    def test_adds_up_the_groups_of_several_roles(self, groups: Groups) -> None:
        groups.by_role["threat_response_user"] = ReachNote(endpoints=3, groups=(WARSAW,))
        groups.by_role["threat_response_read_only_user"] = ReachNote(everything=True)
        ada = _with(make_user("ada"), "threat_response_user", "threat_response_read_only_user")

        access = effective_access(ada)

        held = {one.permission.key: one for section in access.sections for one in section.held}
        assert held["detect_alert_read"].on_all_endpoints
        assert held["detect_alert_write"].groups == (WARSAW,)

    def test_of_an_administrator_is_everything(self) -> None:
        access = effective_access(make_administrator())

        assert access.may_everything
        held = [one for section in access.sections for one in section.held]
        assert all(one.on_all_endpoints for one in held if one.permission.on_endpoints)

    def test_of_somebody_inactive_is_nothing(self) -> None:
        access = effective_access(make_user("carol", is_superuser=True, is_active=False))

        assert not access.may_everything
        assert access.sections == ()

    def test_does_not_hide_what_was_given_outside_roles(self) -> None:
        bob = make_user("bob")
        bob.user_permissions.add(Permission.objects.get(codename="view_alert"))

        assert effective_access(bob).direct == ("alerts.view_alert",)


class TestExplaining:
    def test_says_which_roles_would_let_them(self) -> None:
        [answer] = explain(make_user("bob"), "intel.deploy_inteldocument RB-13", names_roles=True)

        assert not answer.is_allowed
        assert answer.reason == "They have no role."
        assert [role.name for role in answer.would_give] == ["Threat Response Administrator"]

    def test_says_that_a_role_reaches_no_computer(self, groups: Groups) -> None:
        ada = _with(make_user("ada"), "threat_response_user")

        [answer] = explain(ada, "Detect Alert Write", names_roles=True)

        assert not answer.is_allowed
        assert "reaches no computer group" in answer.reason

    def test_says_because_of_which_role_they_may(self, groups: Groups) -> None:
        groups.by_role["threat_response_user"] = ReachNote(everything=True)
        ada = _with(make_user("ada"), "threat_response_user")

        [answer] = explain(ada, "detect alert write", names_roles=True)

        assert answer.is_allowed
        assert answer.held is not None
        assert [role.name for role in answer.held.roles] == ["Threat Response User"]

    def test_knows_administrators_and_those_who_left(self) -> None:
        [may] = explain(make_administrator(), "Detect Alert Write", names_roles=True)
        [may_not] = explain(
            make_user("carol", is_active=False), "Detect Alert Write", names_roles=True
        )

        assert may.is_allowed
        assert may_not.reason == "The account is not active."

    @pytest.mark.parametrize("words", ["", "   ", "xyzzy"])
    def test_has_no_answer_to_nothing(self, words: str) -> None:
        assert explain(make_user("bob"), words, names_roles=True) == []


class TestTheProviderOfReach:
    def test_is_one(self, groups: Groups) -> None:
        with pytest.raises(ValueError, match="already"):
            reach_notes.register(ReachProvider(groups.notes, groups.pane))

    def test_names_the_roles_of_this_console_to_administrators_only(self) -> None:
        seeded = Role.objects.get(key="threat_response_administrator")
        own = Role.objects.create(name="Operation Nightfall")
        own.permissions.set(seeded.permissions.all())
        bob = make_user("bob")

        [to_administrator] = explain(bob, "intel.deploy_inteldocument RB-13", names_roles=True)
        [to_bob] = explain(bob, "intel.deploy_inteldocument RB-13", names_roles=False)
        page = text_of(browser("audit.view_auditevent").get(OWN, {"q": "intel deploy"}))

        assert own in to_administrator.would_give
        assert (to_bob.would_give, to_bob.others_would) == ((seeded,), True)
        assert "Threat Response Administrator and others." in page
        assert "Nightfall" not in page
