"""Make, change and delete computer groups.

A group may be what a role reaches: whoever does not reach every endpoint anyway must not change
such a group, nor another on whose members it depends, or they could widen their own reach.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from django.db import transaction

from console.access.models import User
from console.audit.services import record_audit_event
from console.core.actor import Actor
from console.core.commits import after_commit
from console.core.exceptions import InvalidInput, NotAllowed
from console.endpoints import jobs
from console.endpoints.evaluation import current_rules, evaluate_groups, rules_with
from console.endpoints.exceptions import GroupInUse, ReservedGroup
from console.endpoints.membership import add_members, remove_members
from console.endpoints.models import ComputerGroup, ComputerGroupGrant, Endpoint, Membership
from console.endpoints.reach import reach_of, reach_of_actor
from console.endpoints.rules import dependents_of, named, needed_groups, read_rule
from console.endpoints.rules import vocabulary as every_name
from console.endpoints.targeting import RuleSet
from console.endpoints.visible_groups import (
    groups_visible_to,
    naming_known_groups_only,
    roles_by_group,
)
from protocol.questions import Filter

ADD: Final = "endpoints.add_computergroup"
CHANGE: Final = "endpoints.change_computergroup"
LONGEST_RULE: Final = 16 * 1024

# Endpoints up to which a group is evaluated while its author waits: under a second.
AT_ONCE: Final = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupDraft:
    """What a group is to be. `members` counts for a manual group only, `rule` for the others."""

    name: str
    kind: str = ComputerGroup.Kind.FILTER
    description: str = ""
    rule: str = ""
    members: Collection[UUID] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Uses:
    """The roles that reach a group and the groups whose rules ask about it, by name.

    `has_others`: there are more, of which whoever asks must not know the names.
    """

    roles: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    has_others: bool = False

    def __bool__(self) -> bool:
        """Tell whether anything depends on it."""
        return bool(self.roles or self.groups or self.has_others)

    def in_words(self) -> str:
        """Name what depends on it."""
        names = [f"“{name}”" for name in (*self.roles, *self.groups)]
        if not self.has_others:
            return ", ".join(names)
        return f"{', '.join(names)} and others" if names else "roles or groups hidden from you"


def create_group(draft: GroupDraft, *, actor: Actor, now: datetime) -> ComputerGroup:
    """Make a group and find its members.

    With many endpoints they are found in the background: `evaluated_at` is empty until then.
    Raises InvalidInput, RuleRefused with the place, GroupsInCircle and NotAllowed.
    """
    with transaction.atomic(durable=True):
        _check(draft, None)
        group = ComputerGroup.objects.create(
            name=draft.name.strip(),
            kind=draft.kind,
            description=draft.description.strip(),
            rule=_rule_of(draft),
            created_at=now,
            created_by_id=actor.user_id,
        )
        _check_reach(group, None, _rules_after(group, draft, actor), actor)
        _choose(group, draft, actor, ADD)
        _fill(group, {group.pk}, now=now)
        _record(group, "create", draft, actor=actor, now=now)
    group.refresh_from_db()
    return group


def change_group(
    group: ComputerGroup, draft: GroupDraft, *, actor: Actor, now: datetime
) -> ComputerGroup:
    """Change a group, and find its members and those of the groups that ask about it.

    Its kind stays. Raises as `create_group` does, and ReservedGroup.
    """
    with transaction.atomic(durable=True):
        group = ComputerGroup.objects.select_for_update().get(pk=group.pk)
        _check_own(group)
        _check(draft, group)
        before = current_rules().rule_set
        group.name, group.description = draft.name.strip(), draft.description.strip()
        group.rule = _rule_of(draft)
        _check_reach(group, before, _rules_after(group, draft, actor), actor)
        group.save(update_fields=["name", "description", "rule"])
        # Those that asked about its old name need not ask about the new one.
        stale = {group.pk} | dependents_of([group.pk], before.rules, before.groups)
        _choose(group, draft, actor, CHANGE)
        _fill(group, stale, now=now)
        _record(group, "change", draft, actor=actor, now=now)
    group.refresh_from_db()
    return group


def delete_group(group: ComputerGroup, *, actor: Actor, now: datetime) -> None:
    """Delete a group that nothing depends on.

    Raises ReservedGroup, and GroupInUse, which names of the roles and groups that depend on it
    those that the actor may know of.
    """
    with transaction.atomic(durable=True):
        group = ComputerGroup.objects.select_for_update().get(pk=group.pk)
        _check_own(group)
        uses = uses_of(group, _user_of(actor))
        if uses:
            raise GroupInUse(f"“{group.name}” is used by {uses.in_words()}: change these first.")
        record_audit_event(
            actor=actor,
            action="computer_group.delete",
            subject=group,
            detail={"kind": group.kind, "rule": group.rule},
            now=now,
        )
        group.delete()


def uses_of(group: ComputerGroup, user: User | None) -> Uses:
    """Tell what depends on a group, as this user may know it; None is the console itself."""
    reaching = ComputerGroupGrant.objects.filter(content_object=group).values("group").distinct()
    rules = current_rules().rule_set
    asking = {
        pk for pk, rule in rules.rules.items() if group.pk in needed_groups(rule, rules.groups)
    }
    known = ComputerGroup.objects.all() if user is None else groups_visible_to(user)
    roles = roles_by_group(user).get(group.pk, [])
    groups = sorted(known.filter(pk__in=asking).values_list("name", flat=True))
    hidden = reaching.count() + len(asking) - len(roles) - len(groups)
    return Uses(roles=tuple(roles), groups=tuple(groups), has_others=hidden > 0)


def may_change(group: ComputerGroup, user: User) -> bool:
    """Tell whether this user may change or delete a group, its permission given."""
    if group.kind in (ComputerGroup.Kind.ALL, ComputerGroup.Kind.NONE):
        return False
    if reach_of(user, CHANGE).everything:
        return True
    return not _granted_among(group.pk, current_rules().rule_set)


def _check(draft: GroupDraft, group: ComputerGroup | None) -> None:
    name = draft.name.strip()
    if not name or len(name) > 128:
        raise InvalidInput(
            "The group was not saved.", errors={"name": ["A name has 1 to 128 characters."]}
        )
    taken = ComputerGroup.objects.filter(name__iexact=name)
    if (taken if group is None else taken.exclude(pk=group.pk)).exists():
        raise InvalidInput(
            "The group was not saved.", errors={"name": ["This name is taken already."]}
        )
    if draft.kind not in (ComputerGroup.Kind.FILTER, ComputerGroup.Kind.MANUAL):
        raise InvalidInput(
            "The group was not saved.", errors={"kind": ["A new group is filter or manual."]}
        )
    if group is not None and draft.kind != group.kind:
        raise InvalidInput("The group was not saved.", errors={"kind": ["The kind stays."]})
    if len(draft.rule) > LONGEST_RULE:
        raise InvalidInput(
            "The group was not saved.",
            errors={"rule": [f"A rule has at most {LONGEST_RULE} characters."]},
        )


def _check_own(group: ComputerGroup) -> None:
    if group.kind in (ComputerGroup.Kind.ALL, ComputerGroup.Kind.NONE):
        raise ReservedGroup(f"“{group.name}” stays as it is.")


def _check_reach(
    group: ComputerGroup, before: RuleSet | None, after: RuleSet, actor: Actor
) -> None:
    if reach_of_actor(actor, ADD if before is None else CHANGE).everything:
        return
    granted = _granted_among(group.pk, after)
    if before is not None:
        granted |= _granted_among(group.pk, before)
    if granted:
        raise NotAllowed(
            "Roles reach endpoints by this group: only who reaches every endpoint may change it."
        )


def _granted_among(group_id: int, rules: RuleSet) -> set[int]:
    touched = {group_id} | dependents_of([group_id], rules.rules, rules.groups)
    granted = ComputerGroupGrant.objects.filter(content_object__in=touched)
    return set(granted.values_list("content_object_id", flat=True))


def _fill(group: ComputerGroup, stale: set[int], *, now: datetime) -> None:
    if group.kind == ComputerGroup.Kind.MANUAL:
        ComputerGroup.objects.filter(pk=group.pk).update(evaluated_at=now)
    if Endpoint.objects.filter(revoked_at=None).count() <= AT_ONCE:
        evaluate_groups(stale, now=now)
        return
    waiting = ComputerGroup.objects.filter(pk__in=stale, kind=ComputerGroup.Kind.FILTER)
    waiting.update(evaluated_at=None)
    wish = {"group_ids": sorted(stale)}
    after_commit(jobs.evaluate_groups.apply_async, kwargs=wish, queue="bulk")


def _choose(group: ComputerGroup, draft: GroupDraft, actor: Actor, permission: str) -> None:
    if group.kind != ComputerGroup.Kind.MANUAL:
        return
    # Members that the author cannot see stay; others that they cannot see do not come in.
    reach = reach_of_actor(actor, permission)
    enrolled = Endpoint.objects.filter(revoked_at=None, pk__in=list(draft.members))
    wanted = set(reach.endpoints(enrolled).values_list("pk", flat=True))
    present = set(
        reach.endpoints(Membership.objects.filter(group=group), field="endpoint").values_list(
            "endpoint_id", flat=True
        )
    )
    add_members(group.pk, wanted - present)
    remove_members(group.pk, present - wanted)


def _rules_after(group: ComputerGroup, draft: GroupDraft, actor: Actor) -> RuleSet:
    with naming_known_groups_only(_user_of(actor), group.name):
        return rules_with(named(group), _tree_of(draft))


def _user_of(actor: Actor) -> User | None:
    return None if actor.user_id is None else User.objects.get(pk=actor.user_id)


def _rule_of(draft: GroupDraft) -> str:
    return draft.rule.strip() if draft.kind == ComputerGroup.Kind.FILTER else ""


def _tree(rule: str) -> Filter:
    return read_rule(rule, every_name())


def _tree_of(draft: GroupDraft) -> Filter | None:
    return _tree(draft.rule) if draft.kind == ComputerGroup.Kind.FILTER else None


def _record(
    group: ComputerGroup, verb: str, draft: GroupDraft, *, actor: Actor, now: datetime
) -> None:
    record_audit_event(
        actor=actor,
        action=f"computer_group.{verb}",
        subject=group,
        detail={"kind": group.kind, "rule": group.rule, "members": len(draft.members)},
        now=now,
    )
