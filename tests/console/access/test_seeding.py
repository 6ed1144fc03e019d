from __future__ import annotations

import pytest
from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from pytest_django import DjangoAssertNumQueries

from console.access.catalogue import named_permissions, seeded_content_sets, seeded_roles
from console.access.grants import GivenPowers, read_powers, write_powers
from console.access.models import ContentSet, ContentSetGrant, Role
from console.access.seeding import seed_catalogue
from tests.console.api_client import make_user

pytestmark = pytest.mark.django_db


def _role(key: str) -> Role:
    return Role.objects.get(key=key)


class TestSeeding:
    def test_makes_every_permission_role_and_content_set(self) -> None:
        stored = set(
            Permission.objects.filter(
                content_type=ContentType.objects.get_for_model(Role)
            ).values_list("codename", "name")
        )

        assert {(p.key, p.title) for p in named_permissions() if not p.per_content_set} <= stored
        assert {role.key for role in Role.objects.all()} == {seed.key for seed in seeded_roles()}
        assert {c.name: c.reserved for c in ContentSet.objects.all()} == {
            seed.name: seed.reserved for seed in seeded_content_sets()
        }

    def test_gives_roles_what_routes_check(self) -> None:
        user = make_user("ada")
        user.groups.add(_role("threat_response_read_only_user"))

        assert user.has_perm("alerts.view_alert")
        assert not user.has_perm("alerts.change_alert")
        assert not user.has_perm("questions.ask_question")

    def test_gives_administrator_nothing_that_a_member_by_mistake_could_use(self) -> None:
        user = make_user("ada")
        user.groups.add(_role("administrator"))

        assert user.get_all_permissions() == set()

    def test_changes_nothing_the_second_time(self) -> None:
        before = _everything()

        seed_catalogue()

        assert _everything() == before

    def test_restores_a_seeded_role_and_leaves_members_alone(self) -> None:
        role, user = _role("direct_connect_user"), make_user("ada")
        user.groups.add(role)
        before = read_powers([role])
        write_powers({role: GivenPowers(frozenset({"read_user"}))})
        Role.objects.filter(pk=role.pk).update(description="changed by hand")

        seed_catalogue()

        assert read_powers([role]) == before
        assert _role("direct_connect_user").description != "changed by hand"
        assert user.groups.filter(pk=role.pk).exists()

    def test_takes_from_everybody_a_permission_that_is_gone(self) -> None:
        gone = Permission.objects.create(
            content_type=ContentType.objects.get_for_model(Role), codename="gone", name="Gone"
        )

        seed_catalogue()

        assert not Permission.objects.filter(pk=gone.pk).exists()
        assert Permission.objects.filter(codename="view_role").exists()

    def test_leaves_a_role_of_the_same_name_to_its_owner(self) -> None:
        _role("threat_response_content_index_user").delete()
        own = Role.objects.create(name="Index User")

        seed_catalogue()

        own.refresh_from_db()
        assert (own.name, own.key) == ("Index User", None)
        assert _role("threat_response_content_index_user").name == "Index User (2)"

    def test_asks_the_database_little_when_there_is_nothing_to_do(
        self, django_assert_max_num_queries: DjangoAssertNumQueries
    ) -> None:
        with django_assert_max_num_queries(20):
            seed_catalogue()


def _everything() -> tuple[object, ...]:
    links = Role.permissions.through.objects.order_by("pk").values_list()
    return (
        list(Permission.objects.order_by("pk").values_list()),
        list(Role.objects.order_by("pk").values_list()),
        list(links),
        list(ContentSetGrant.objects.order_by("pk").values_list()),
    )
