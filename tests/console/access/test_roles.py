from __future__ import annotations

from typing import Any

import pytest

from console.access.content import content_sets_of, may_use, usable_content_sets
from console.access.exceptions import LastAdministrator, RoleIsSeeded
from console.access.grants import GivenPowers, read_powers
from console.access.models import ContentSet, Role, User
from console.access.roles import (
    change_role,
    copy_role,
    create_role,
    delete_role,
    members_of,
    set_role_members,
    set_user_roles,
)
from console.access.services import change_user
from console.audit.models import AuditEvent
from console.core.actor import Actor
from console.core.exceptions import InvalidInput, NotAllowed
from tests.console.api_client import make_administrator, make_user
from tests.console.computers import NOW

pytestmark = pytest.mark.django_db(transaction=True)

ANALYST = GivenPowers(frozenset({"detect_alert_write"}), frozenset({("Base", "write_sensor")}))


@pytest.fixture
def root() -> User:
    return make_administrator()


@pytest.fixture
def actor(root: User) -> Actor:
    return Actor("root", root.pk, "192.0.2.1")


def _made(actor: Actor, powers: GivenPowers = ANALYST) -> Role:
    return create_role(name="Night shift", description="", powers=powers, actor=actor, now=NOW)


def _seeded() -> Role:
    return Role.objects.get(key="threat_response_user")


def _last(action: str) -> Any:
    return AuditEvent.objects.filter(action=action).latest("sequence").detail


class TestCreating:
    def test_gives_its_members_what_routes_and_content_check(self, actor: Actor) -> None:
        role, user = _made(actor), make_user("bob")

        set_role_members(role, [user], actor=actor, now=NOW)

        assert user.has_perm("alerts.change_alert")
        assert user.has_perm("alerts.view_alert")
        assert user.has_perm("questions.view_sensor")
        assert not user.has_perm("intel.view_inteldocument")
        assert may_use(user, "read_sensor", ContentSet.objects.get(name="Base"))
        assert _last("role.create") == {
            "permissions": ["detect_alert_write"],
            "content": ["Base: write_sensor"],
        }

    def test_refuses_a_name_that_is_taken(self, actor: Actor) -> None:
        with pytest.raises(InvalidInput):
            create_role(name="Index User", description="", powers=ANALYST, actor=actor, now=NOW)

    @pytest.mark.parametrize(
        "powers",
        [
            GivenPowers(frozenset({"become_king"})),
            GivenPowers(frozenset({"read_sensor"})),
            GivenPowers(content=frozenset({("Nowhere", "read_sensor")})),
            GivenPowers(content=frozenset({("Base", "read_user")})),
        ],
    )
    def test_refuses_powers_that_do_not_exist(self, actor: Actor, powers: GivenPowers) -> None:
        with pytest.raises(InvalidInput):
            _made(actor, powers)
        assert not Role.objects.filter(name="Night shift").exists()


class TestCopying:
    def test_takes_permissions_and_content_but_no_member(self, actor: Actor) -> None:
        seeded = _seeded()
        seeded.user_set.add(make_user("bob"))

        copy = copy_role(seeded, name="Tier one", actor=actor, now=NOW)

        powers = read_powers([seeded, copy])
        assert powers[copy.pk] == powers[seeded.pk]
        assert copy.key is None
        assert members_of(copy) == []

    def test_of_administrator_is_refused(self, actor: Actor) -> None:
        with pytest.raises(InvalidInput):
            copy_role(Role.objects.get(key="administrator"), name="Boss", actor=actor, now=NOW)


class TestChanging:
    def test_takes_away_what_came_with_a_permission(self, actor: Actor) -> None:
        role = _made(actor, GivenPowers(frozenset({"threat_response_content_index_user"})))

        change_role(role, powers=GivenPowers(frozenset({"read_user"})), actor=actor, now=NOW)

        assert read_powers([role])[role.pk] == GivenPowers(frozenset({"read_user"}))
        assert _last("role.change")["permissions_added"] == ["read_user"]
        assert "Index: read_sensor" in _last("role.change")["content_removed"]

    def test_acts_at_once_on_who_has_it(self, actor: Actor) -> None:
        role, user = _made(actor), make_user("bob")
        set_role_members(role, [user], actor=actor, now=NOW)

        change_role(role, powers=GivenPowers(), actor=actor, now=NOW)

        assert not User.objects.get(pk=user.pk).has_perm("alerts.view_alert")

    def test_leaves_what_is_not_named(self, actor: Actor) -> None:
        role = _made(actor)

        change_role(role, name="Day shift", actor=actor, now=NOW)

        assert Role.objects.get(pk=role.pk).name == "Day shift"
        assert "detect_alert_write" in read_powers([role])[role.pk].permissions

    def test_of_a_seeded_role_is_refused(self, actor: Actor) -> None:
        role = _seeded()
        before = read_powers([role])

        for change in (
            lambda: change_role(role, powers=GivenPowers(), actor=actor, now=NOW),
            lambda: change_role(role, name="Mine", actor=actor, now=NOW),
            lambda: delete_role(role, actor=actor, now=NOW),
        ):
            with pytest.raises(RoleIsSeeded):
                change()
        assert read_powers([role]) == before


class TestDeleting:
    def test_takes_what_it_gave_and_says_from_whom(self, actor: Actor) -> None:
        role, user = _made(actor), make_user("bob")
        set_role_members(role, [user], actor=actor, now=NOW)

        delete_role(role, actor=actor, now=NOW)

        assert _last("role.delete") == {"members": ["bob"]}
        assert not User.objects.get(pk=user.pk).has_perm("alerts.view_alert")


class TestMembers:
    def test_of_a_seeded_role_may_be_chosen(self, actor: Actor) -> None:
        ada, bob = make_user("ada"), make_user("bob")
        set_role_members(_seeded(), [ada], actor=actor, now=NOW)

        set_role_members(_seeded(), [bob], actor=actor, now=NOW)

        assert members_of(_seeded()) == [bob]
        assert _last("role.set_members") == {"added": ["bob"], "removed": ["ada"]}

    def test_of_administrator_are_the_users_marked_so(self, root: User, actor: Actor) -> None:
        role, bob = Role.objects.get(key="administrator"), make_user("bob")

        set_role_members(role, [root, bob], actor=actor, now=NOW)

        bob.refresh_from_db()
        assert bob.is_superuser
        assert members_of(role) == [bob, root]

    def test_are_chosen_for_a_user_too(self, actor: Actor) -> None:
        bob = make_user("bob")

        set_user_roles(bob, [_seeded()], actor=actor, now=NOW)
        set_user_roles(bob, [_seeded()], actor=actor, now=NOW)

        assert members_of(_seeded()) == [bob]
        assert AuditEvent.objects.filter(action="user.set_roles").count() == 1

    def test_do_not_become_administrators_by_a_list_of_roles(self, actor: Actor) -> None:
        with pytest.raises(InvalidInput):
            set_user_roles(
                make_user("bob"), [Role.objects.get(key="administrator")], actor=actor, now=NOW
            )


class TestTheLastAdministrator:
    def test_stays_a_member_of_administrator(self, root: User, actor: Actor) -> None:
        role = Role.objects.get(key="administrator")

        with pytest.raises(LastAdministrator):
            set_role_members(role, [make_user("carol", is_active=False)], actor=actor, now=NOW)
        root.refresh_from_db()
        assert root.is_superuser

    @pytest.mark.parametrize("field", ["is_active", "is_superuser"])
    def test_stays_one(self, root: User, actor: Actor, field: str) -> None:
        with pytest.raises(LastAdministrator):
            change_user(root, fields={field: False}, actor=actor, now=NOW)
        root.refresh_from_db()
        assert getattr(root, field)

    def test_is_not_somebody_who_has_no_password(self, root: User, actor: Actor) -> None:
        ghost = make_user("ghost", is_superuser=True)
        ghost.set_unusable_password()
        ghost.save()

        with pytest.raises(LastAdministrator):
            change_user(root, fields={"is_superuser": False}, actor=actor, now=NOW)


class TestWhoMayChangeRoles:
    def test_is_no_holder_of_permissions(self) -> None:
        eve = make_user("eve", "access.change_user", "access.change_role", "access.add_role")
        actor, role = Actor("eve", eve.pk), _seeded()

        for change in (
            lambda: _made(actor),
            lambda: copy_role(role, name="Copy", actor=actor, now=NOW),
            lambda: change_role(role, name="x", actor=actor, now=NOW),
            lambda: delete_role(role, actor=actor, now=NOW),
            lambda: set_role_members(role, [eve], actor=actor, now=NOW),
            lambda: set_user_roles(eve, [role], actor=actor, now=NOW),
            lambda: change_user(eve, fields={}, roles=[role], actor=actor, now=NOW),
        ):
            with pytest.raises(NotAllowed):
                change()
        assert members_of(role) == []

    def test_is_no_administrator_who_is_inactive(self) -> None:
        make_administrator()
        former = make_user("former", is_superuser=True, is_active=False)

        with pytest.raises(NotAllowed):
            _made(Actor("former", former.pk))


class TestContent:
    def test_is_reached_through_roles_only(self, actor: Actor) -> None:
        bob = make_user("bob")
        assert not content_sets_of(bob, "read_sensor").exists()
        role = _made(actor)

        set_role_members(role, [bob], actor=actor, now=NOW)

        bob = User.objects.get(pk=bob.pk)
        assert [c.name for c in content_sets_of(bob, "read_sensor")] == ["Base"]
        assert [c.name for c in usable_content_sets(bob)] == ["Base"]
        assert not content_sets_of(bob, "read_package").exists()

    def test_is_all_there_for_an_administrator(self, root: User) -> None:
        every = ContentSet.objects.count()

        assert content_sets_of(root, "write_sensor").count() == every
        assert usable_content_sets(root).count() == every
        assert may_use(root, "write_sensor", ContentSet.objects.get(name="Index").pk)

    def test_is_out_of_reach_for_whoever_is_not_active(self, root: User) -> None:
        root.is_active = False

        assert not content_sets_of(root, "read_sensor").exists()
        assert not usable_content_sets(root).exists()
        assert not may_use(root, "read_sensor", ContentSet.objects.get(name="Base"))

    def test_is_asked_for_once_in_a_request(
        self, actor: Actor, django_assert_max_num_queries: Any
    ) -> None:
        role, bob = _made(actor), make_user("bob")
        set_role_members(role, [bob], actor=actor, now=NOW)
        numbers = list(ContentSet.objects.values_list("pk", flat=True))

        with django_assert_max_num_queries(2):
            assert sum(may_use(bob, "read_sensor", number) for number in numbers) == 1
            assert len(content_sets_of(bob, "write_sensor")) == 1
