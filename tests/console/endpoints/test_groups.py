"""Computer groups follow their rules, and are changed by those only who may."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from console.access.models import User
from console.audit.models import AuditEvent
from console.core.actor import Actor
from console.core.exceptions import InvalidInput, NotAllowed
from console.endpoints.evaluation import current_rules, evaluate_groups, follow_endpoints
from console.endpoints.exceptions import GroupInUse, GroupsInCircle, ReservedGroup, RuleRefused
from console.endpoints.facts import Fact, calls_of_groups, forget_unused_facts, record_facts
from console.endpoints.groups import (
    GroupDraft,
    change_group,
    create_group,
    delete_group,
    may_change,
)
from console.endpoints.labels import LabelDraft, create_label, place_labels
from console.endpoints.models import ComputerGroup, Endpoint
from console.endpoints.services import record_hello, revoke_endpoint
from console.endpoints.trial import try_rule
from protocol.messages import Hello
from tests.console.api_client import make_user
from tests.console.computers import ADMINISTRATOR, NOW, enrolled_endpoint, platform
from tests.console.roles import all_computers, give_role, manual_group

WRITES = ("endpoints.add_computergroup", "endpoints.change_computergroup")
pytestmark = pytest.mark.django_db(transaction=True)


def make_group(rule: str, name: str = "Servers") -> ComputerGroup:
    """Make a filter group."""
    return create_group(GroupDraft(name=name, rule=rule), actor=ADMINISTRATOR, now=NOW)


def members_of(group: ComputerGroup) -> set[str]:
    """Name the members, and see that they are counted."""
    group.refresh_from_db()
    names = set(
        Endpoint.objects.filter(memberships__group=group).values_list("host_name", flat=True)
    )
    assert group.member_count == len(names)
    return names


def say_hello(endpoint: Endpoint, **changes: Any) -> None:
    """Let an endpoint tell what it is now."""
    hello = Hello(
        version_oldest=1,
        version_newest=1,
        agent_version="0.2.0",
        platform=platform(endpoint.host_name, **changes),
        boot_id="boot",
        sent_at=0,
        capabilities=[],
        intel_revision=0,
        sequence=0,
    )
    record_hello([(endpoint.pk, hello, int(NOW.timestamp() * 1_000_000))])


def acting(user: User) -> Actor:
    """Return the actor of a user."""
    return Actor(user.username, user.pk)


class TestSeeding:
    def test_makes_the_two_groups_that_every_console_has(self) -> None:
        seeded = dict(ComputerGroup.objects.values_list("name", "kind"))

        assert seeded == {"All Computers": "all", "No Computers": "none"}

    def test_keeps_them_as_they_are(self) -> None:
        for group in ComputerGroup.objects.all():
            with pytest.raises(ReservedGroup):
                delete_group(group, actor=ADMINISTRATOR, now=NOW)
            with pytest.raises(ReservedGroup):
                change_group(group, GroupDraft(name="Mine"), actor=ADMINISTRATOR, now=NOW)


class TestAllComputers:
    def test_follows_enrolment_and_revocation(self) -> None:
        first, second = enrolled_endpoint("web-1"), enrolled_endpoint("web-2")
        assert members_of(all_computers()) == {"web-1", "web-2"}

        revoke_endpoint(first, reason="", actor=ADMINISTRATOR, now=NOW)

        assert members_of(all_computers()) == {second.host_name}


class TestFilterGroups:
    def test_hold_those_that_their_rule_is_true_of(self) -> None:
        enrolled_endpoint("web-1")
        enrolled_endpoint("db-1")

        group = make_group('Computer Name starting with "web"')

        assert members_of(group) == {"web-1"}
        assert group.evaluated_at == NOW

    def test_take_newcomers(self) -> None:
        group = make_group('Computer Name starting with "web"')

        enrolled_endpoint("web-1")

        assert members_of(group) == {"web-1"}

    def test_follow_what_endpoints_tell_of_themselves(self) -> None:
        endpoint = enrolled_endpoint("web-1")
        group = make_group('IP Address in cidr "10.0.0.0/8"')
        assert members_of(group) == set()

        say_hello(endpoint, addresses=["10.1.2.3"])

        assert members_of(group) == {"web-1"}

    def test_are_not_evaluated_for_a_hello_that_tells_nothing_new(self) -> None:
        endpoint = enrolled_endpoint("web-1")
        make_group('IP Address in cidr "10.0.0.0/8"')
        say_hello(endpoint)

        with CaptureQueriesContext(
            connection,
        ) as queries:
            say_hello(endpoint)

        assert not any("computergroup" in query["sql"] for query in queries)

    def test_follow_labels(self) -> None:
        endpoint = enrolled_endpoint("web-1")
        group = make_group('Label is "Crown Jewel"')
        label = create_label(LabelDraft("crown jewel"), actor=ADMINISTRATOR, now=NOW)

        place_labels([endpoint.pk], put=[label], actor=ADMINISTRATOR, now=NOW)
        assert members_of(group) == {"web-1"}
        place_labels([endpoint.pk], take=[label], actor=ADMINISTRATOR, now=NOW)
        assert members_of(group) == set()

    def test_follow_answers_and_hold_nobody_of_whom_nothing_is_known(self) -> None:
        virtual, real, _silent = map(enrolled_endpoint, ("web-1", "web-2", "web-3"))
        group = make_group('Chassis Type:Chassis Type is "vm"', "Virtual")
        others = make_group('not Chassis Type:Chassis Type is "vm"', "Others")
        [call] = calls_of_groups()

        record_facts(
            [
                Fact(virtual.pk, call, [["VM", ""]], NOW),
                Fact(real.pk, call, [["Laptop", ""]], NOW),
            ]
        )
        assert (members_of(group), members_of(others)) == ({"web-1"}, {"web-2"})
        # An answer that was overtaken on its way.
        record_facts([Fact(real.pk, call, [["VM", ""]], NOW - timedelta(hours=1))])
        assert members_of(group) == {"web-1"}

        for deleted in (group, others):
            delete_group(deleted, actor=ADMINISTRATOR, now=NOW)
        assert forget_unused_facts() == 2

    def test_lose_endpoints_that_are_revoked(self) -> None:
        endpoint = enrolled_endpoint("web-1")
        group = make_group('Computer Name starting with "web"')

        revoke_endpoint(endpoint, reason="", actor=ADMINISTRATOR, now=NOW)
        follow_endpoints([endpoint.pk])
        evaluate_groups([group.pk], now=NOW)

        assert members_of(group) == set()

    def test_ask_about_other_groups(self) -> None:
        web, database = enrolled_endpoint("web-1"), enrolled_endpoint("db-1")
        chosen = manual_group("Chosen", web, database)
        inner = make_group('Computer Name starting with "web"', "Web")
        outer = make_group('Computer Group is "Chosen" and not Computer Group is "Web"', "Outer")
        assert members_of(outer) == {"db-1"}

        change_group(
            inner,
            GroupDraft(name="Web", rule='Computer Name starting with "db"'),
            actor=ADMINISTRATOR,
            now=NOW,
        )
        assert members_of(outer) == {"web-1"}
        change_group(
            chosen,
            GroupDraft(name="Chosen", kind="manual", members=[database.pk]),
            actor=ADMINISTRATOR,
            now=NOW,
        )
        assert members_of(outer) == set()

    def test_follow_a_group_that_gets_another_name(self) -> None:
        web = enrolled_endpoint("web-1")
        chosen = manual_group("Chosen", web)
        outer = make_group('Computer Group is "Chosen"', "Outer")
        assert members_of(outer) == {"web-1"}

        draft = GroupDraft(name="Other", kind="manual", members=[web.pk])
        change_group(chosen, draft, actor=ADMINISTRATOR, now=NOW)

        assert members_of(outer) == set()

    def test_keep_their_members_when_their_rule_cannot_be_read_any_more(self) -> None:
        enrolled_endpoint("web-1")
        group = make_group('Computer Name starting with "web"')
        ComputerGroup.objects.filter(pk=group.pk).update(rule='Gone Sensor is "1"')

        enrolled_endpoint("web-2")
        evaluate_groups([group.pk], now=NOW)

        assert members_of(group) == {"web-1"}
        assert "Gone Sensor" in current_rules().problems[group.pk]


class TestRefusals:
    @pytest.mark.parametrize(
        ("rule", "place"),
        [
            ("", (1, 1, 0)),
            ('Colour is "red"', (1, 1, 6)),
            ('IP Address in cidr "10.0.0.0/99"', (1, 20, 13)),
            ('Computer Name matching "("', (1, 24, 3)),
            ('Computer Name is "a" and', (1, 25, 0)),
        ],
    )
    def test_point_at_the_word(self, rule: str, place: tuple[int, int, int]) -> None:
        with pytest.raises(RuleRefused) as refused:
            make_group(rule)

        assert refused.value.place is not None
        assert refused.value.place[:2] == place[:2]
        assert not ComputerGroup.objects.filter(name="Servers").exists()

    def test_name_a_circle(self) -> None:
        first = make_group('Computer Name is "a"', "First")
        make_group('Computer Group is "First"', "Second")

        with pytest.raises(GroupsInCircle) as refused:
            change_group(
                first,
                GroupDraft(name="First", rule='not Computer Group is "Second"'),
                actor=ADMINISTRATOR,
                now=NOW,
            )

        assert "“First” → “Second” → “First”" in refused.value.detail or (
            "“Second” → “First” → “Second”" in refused.value.detail
        )

    def test_name_a_group_that_asks_about_itself(self) -> None:
        with pytest.raises(GroupsInCircle, match="“Servers” → “Servers”"):
            make_group('Computer Group containing "serv"')

    def test_name_a_circle_that_a_new_name_closes(self) -> None:
        manual = make_group('Computer Group containing "office"', "Berlin")

        with pytest.raises(GroupsInCircle):
            change_group(
                manual,
                GroupDraft(name="Berlin office", rule=manual.rule),
                actor=ADMINISTRATOR,
                now=NOW,
            )

    @pytest.mark.parametrize("name", ["", "  ", "x" * 129, "all computers"])
    def test_of_names_that_are_empty_long_or_taken(self, name: str) -> None:
        with pytest.raises(InvalidInput) as refused:
            make_group('Is Linux is "true"', name)

        assert "name" in refused.value.errors

    def test_of_deleting_what_roles_and_groups_use_name_both(self) -> None:
        group = make_group('Is Linux is "true"')
        make_group('Computer Group is "Servers"', "Outer")
        user = make_user("ada")
        give_role(user, groups=[group])

        with pytest.raises(GroupInUse, match="“role of ada 0”, “Outer”"):
            delete_group(group, actor=ADMINISTRATOR, now=NOW)

    def test_of_deleting_name_nothing_that_is_hidden_from_the_user(self) -> None:
        group = make_group('Is Linux is "true"')
        make_group('Computer Group is "Servers"', "Secret group")
        user, other = make_user("ada"), make_user("bob")
        give_role(other, groups=[group])

        with pytest.raises(GroupInUse, match="by roles or groups hidden from you: change"):
            delete_group(group, actor=acting(user), now=NOW)
        own = give_role(user, "endpoints.delete_computergroup", groups=[group])
        with pytest.raises(GroupInUse, match=f"by “{own.name}” and others: change"):
            delete_group(group, actor=acting(user), now=NOW)

    def test_of_a_circle_name_nothing_that_is_hidden_from_the_user(self) -> None:
        user = make_user("ada")
        own = make_group('Computer Name is "a"', "Own")
        make_group('Computer Group is "Own"', "Secret group")
        seen = make_group('Computer Group is "Secret group"', "Seen")
        give_role(user, "endpoints.view_computergroup", groups=[seen])
        ComputerGroup.objects.filter(pk=own.pk).update(created_by=user)
        rule = 'Computer Group is "Seen"'

        with pytest.raises(GroupsInCircle) as saving:
            change_group(own, GroupDraft(name="Own", rule=rule), actor=acting(user), now=NOW)
        with pytest.raises(GroupsInCircle) as trying:
            try_rule(user, own, text=rule)

        for refused in (saving, trying):
            assert "“Seen”" in refused.value.detail
            assert "…" in refused.value.detail
            assert "Secret" not in refused.value.detail

    def test_leave_a_group_changeable_whose_rule_cannot_be_read_any_more(self) -> None:
        group = make_group('Is Linux is "true"')
        ComputerGroup.objects.filter(pk=group.pk).update(rule='Gone Sensor is "x"')

        draft = GroupDraft(name="Servers", rule='Is Mac is "true"')
        mended = change_group(group, draft, actor=ADMINISTRATOR, now=NOW)
        ComputerGroup.objects.filter(pk=group.pk).update(rule='Gone Sensor is "x"')
        delete_group(mended, actor=ADMINISTRATOR, now=NOW)

        assert mended.rule == draft.rule
        assert not ComputerGroup.objects.filter(pk=group.pk).exists()


class TestReach:
    def test_cannot_be_widened_by_who_has_only_some(self) -> None:
        web, database = enrolled_endpoint("web-1"), enrolled_endpoint("db-1")
        granted = make_group('Computer Group is "Inner"', "Granted")
        inner = manual_group("Inner", web)
        user = make_user("ada")
        give_role(user, "endpoints.change_computergroup", groups=[granted])

        for group, draft in (
            (granted, GroupDraft(name="Granted", rule='Is Linux is "true"')),
            (inner, GroupDraft(name="Inner", kind="manual", members=[web.pk, database.pk])),
        ):
            with pytest.raises(NotAllowed):
                change_group(group, draft, actor=acting(user), now=NOW)
            assert not may_change(group, user)
        ComputerGroup.objects.filter(pk=inner.pk).update(name="Was")
        with pytest.raises(NotAllowed):
            create_group(GroupDraft(name="Inner", kind="manual"), actor=acting(user), now=NOW)

    def test_lets_others_be_made_of_what_is_reached(self) -> None:
        web, database = enrolled_endpoint("web-1"), enrolled_endpoint("db-1")
        user = make_user("ada")
        give_role(user, *WRITES, groups=[manual_group("Mine", web)])
        draft = GroupDraft(name="New", kind="manual", members=[web.pk, database.pk])

        group = create_group(draft, actor=acting(user), now=NOW)

        assert members_of(group) == {"web-1"}
        assert may_change(group, user)

    def test_keeps_members_that_the_author_cannot_see(self) -> None:
        web, database = enrolled_endpoint("web-1"), enrolled_endpoint("db-1")
        group = manual_group("Both", web, database)
        user = make_user("ada")
        give_role(user, "endpoints.change_computergroup", groups=[manual_group("Mine", web)])

        draft = GroupDraft(name="Both", kind="manual", members=[])
        change_group(group, draft, actor=acting(user), now=NOW)

        assert members_of(group) == {"db-1"}


def test_changes_stand_in_the_audit_log() -> None:
    group = make_group('Is Linux is "true"')
    delete_group(group, actor=ADMINISTRATOR, now=NOW)

    actions = AuditEvent.objects.filter(action__startswith="computer_group").order_by("sequence")
    assert list(actions.values_list("action", flat=True)) == [
        "computer_group.create",
        "computer_group.delete",
    ]
