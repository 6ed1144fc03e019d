"""Who is in which computer group as sets of bits: what a role reaches is counted in a millisecond.

An endpoint is in several groups, so a database that counts the endpoints of fifty of them has to
tell 75,000 rows apart. Here each endpoint is one bit, the groups' bits are joined by OR, and the
ones are counted. A group's set is read once, and again when its `members_version` has changed: what
is answered is what stands in the database, never older.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from threading import Lock
from typing import Final
from uuid import UUID

from console.endpoints.models import ComputerGroup, Membership
from console.endpoints.reach import Reach


class MemberSets:
    """The sets of one process, of all groups for which it was asked."""

    def __init__(self) -> None:
        self._lock = Lock()
        # By the 128 bits of the id: a UUID takes longer to look up.
        self._numbers: dict[int, int] = {}
        self._sets: dict[int, tuple[int, int]] = {}

    def members_of(self, versions: Mapping[int, int]) -> int:
        """Return the bits of all members of these groups, given with their versions as of now."""
        with self._lock:
            stale = [
                group_id
                for group_id, version in versions.items()
                if not version or self._sets.get(group_id, (0, 0))[0] != version
            ]
            if stale:
                for group_id, bits in self._read(stale).items():
                    self._sets[group_id] = versions[group_id], bits
            united = 0
            for group_id in versions:
                united |= self._sets[group_id][1]
        return united

    def bits_of(self, endpoint_ids: Iterable[UUID]) -> int:
        """Return the bits of those of these endpoints that are in any group that was read."""
        with self._lock:
            numbers = [self._numbers.get(endpoint_id.int) for endpoint_id in endpoint_ids]
            return _bits([number for number in numbers if number is not None], len(self._numbers))

    def _read(self, group_ids: Collection[int]) -> dict[int, int]:
        found: dict[int, list[int]] = {group_id: [] for group_id in group_ids}
        pairs = Membership.objects.filter(group__in=group_ids).values_list(
            "group_id", "endpoint_id"
        )
        numbers = self._numbers
        for group_id, endpoint_id in pairs.iterator():
            found[group_id].append(numbers.setdefault(endpoint_id.int, len(numbers)))
        return {group_id: _bits(members, len(numbers)) for group_id, members in found.items()}


_of_this_process: Final = MemberSets()


@dataclass(frozen=True, slots=True)
class ReachedMembers:
    """The endpoints in reach that were not cut off."""

    bits: int

    def __len__(self) -> int:
        """Count them."""
        return self.bits.bit_count()

    def count_of(self, endpoint_ids: Iterable[UUID]) -> int:
        """Count those that are among these."""
        return (self.bits & _of_this_process.bits_of(endpoint_ids)).bit_count()


def reached_members(reach: Reach) -> ReachedMembers:
    """Return who is in the groups of this reach now; All Computers for who reaches everything."""
    groups = (
        ComputerGroup.objects.filter(kind=ComputerGroup.Kind.ALL)
        if reach.everything
        else ComputerGroup.objects.filter(pk__in=reach.group_ids)
    )
    versions = dict(groups.values_list("pk", "members_version"))
    return ReachedMembers(_of_this_process.members_of(versions))


def _bits(numbers: Iterable[int], length: int) -> int:
    octets = bytearray(length // 8 + 1)
    for number in numbers:
        octets[number >> 3] |= 1 << (number & 7)
    return int.from_bytes(octets, "little")
