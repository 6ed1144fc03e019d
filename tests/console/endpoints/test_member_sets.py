"""What is counted from sets of bits is what the database would count, and as new."""

from __future__ import annotations

import random
from typing import Any
from uuid import UUID, uuid4

import pytest
import redis

from console.core.actor import Actor
from console.endpoints import member_sets
from console.endpoints.groups import delete_group
from console.endpoints.member_sets import MemberSets, reached_members
from console.endpoints.membership import add_members, remove_members, write_group
from console.endpoints.models import ComputerGroup, Endpoint, Membership
from console.endpoints.reach import EVERYTHING, NOTHING, Reach, reach_of
from console.endpoints.selectors import VIEW, count_listed, endpoints_visible_to
from tests.console.api_client import make_user
from tests.console.computers import NOW
from tests.console.questions import scene
from tests.console.roles import give_role, manual_group

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _console(valkey: redis.Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    valkey.flushdb()
    scene.prepare()
    monkeypatch.setattr(member_sets, "_of_this_process", MemberSets())


@pytest.fixture
def groups() -> list[ComputerGroup]:
    return [manual_group(name) for name in ("First", "Second", "Third")]


def reach_into(*groups: ComputerGroup) -> Reach:
    return Reach(group_ids=frozenset(group.pk for group in groups))


def number_in_rows(reach: Reach) -> int:
    return reach.endpoints(Endpoint.objects.filter(revoked_at=None)).count()


class TestReachedMembers:
    def test_counts_an_endpoint_of_several_groups_once(self, groups: list[ComputerGroup]) -> None:
        ids = scene.endpoints(10)
        add_members(groups[0].pk, ids[:6])
        add_members(groups[1].pk, ids[4:])
        add_members(groups[2].pk, ids[9:])

        assert len(reached_members(reach_into(groups[0], groups[1]))) == 10
        assert len(reached_members(reach_into(groups[0], groups[2]))) == 7
        assert len(reached_members(NOTHING)) == 0

    def test_follows_every_change(self, groups: list[ComputerGroup]) -> None:
        chance = random.Random(3)  # noqa: S311 - no secret comes of it
        ids = scene.endpoints(60)
        reaches = [reach_into(*groups[:1]), reach_into(*groups), reach_into(*groups[1:])]
        for _ in range(40):
            group, some = chance.choice(groups).pk, chance.sample(ids, chance.randrange(12))
            change: Any = chance.choice(
                [add_members, remove_members, lambda *given: write_group(*given, now=NOW)]
            )
            change(group, some)

            assert [len(reached_members(each)) for each in reaches] == [
                number_in_rows(each) for each in reaches
            ]

    def test_of_everything_leaves_out_the_revoked(self) -> None:
        ids = scene.endpoints(5)
        before = len(reached_members(EVERYTHING))
        scene.revoke(ids[0])

        assert (before, len(reached_members(EVERYTHING))) == (5, 4)

    def test_reads_no_member_while_nothing_changes(
        self, groups: list[ComputerGroup], django_assert_num_queries: Any
    ) -> None:
        ids = scene.endpoints(5)
        add_members(groups[0].pk, ids)
        add_members(groups[1].pk, ids[:2])
        reach = reach_into(groups[0], groups[1])
        with django_assert_num_queries(2):
            reached_members(reach)

        with django_assert_num_queries(1):
            assert len(reached_members(reach)) == 5
        remove_members(groups[1].pk, ids[:1])
        with django_assert_num_queries(2) as queries:
            reached_members(reach)
        assert f"IN ({groups[1].pk})" in queries.captured_queries[1]["sql"]

    def test_believes_no_version_that_was_never_written(self, groups: list[ComputerGroup]) -> None:
        [first, second] = scene.endpoints(2)
        for number, endpoint_id in enumerate((first, second), start=1):
            # As in a console from before there were versions.
            Membership.objects.create(group=groups[0], endpoint_id=endpoint_id)

            assert len(reached_members(reach_into(groups[0]))) == number

    def test_counts_those_among_some(self, groups: list[ComputerGroup]) -> None:
        ids = scene.endpoints(6)
        add_members(groups[0].pk, ids[:4])
        members = reached_members(reach_into(groups[0]))

        assert members.count_of([*ids[2:], uuid4()]) == 2
        assert members.count_of([]) == 0

    def test_forgets_a_group_that_is_gone(self, groups: list[ComputerGroup]) -> None:
        add_members(groups[0].pk, scene.endpoints(3))
        reach = reach_into(groups[0])
        before = len(reached_members(reach))
        delete_group(groups[0], actor=Actor("ada"), now=NOW)

        assert (before, len(reached_members(reach))) == (3, 0)


class TestCountListed:
    @pytest.fixture
    def revoked(self) -> UUID:
        [endpoint_id] = scene.endpoints(1, revoked_at=NOW)
        return endpoint_id

    def test_is_the_length_of_the_list(self, groups: list[ComputerGroup], revoked: UUID) -> None:
        ids = scene.endpoints(7)
        add_members(groups[0].pk, ids[:3])
        add_members(groups[1].pk, ids[2:6])
        narrow, wide = make_user("ada"), make_user("bob", VIEW)
        give_role(narrow, VIEW, groups=groups[:2])

        assert not reach_of(narrow, VIEW).everything
        for user, number in ((narrow, 6), (wide, 8), (make_user("eve"), 0)):
            assert count_listed(user) == endpoints_visible_to(user).count() == number
