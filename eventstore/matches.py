"""Hold which events a search found, in two bytes each, and find them by position."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(slots=True)
class _Block:
    """The matches of one segment: distances from its first event's id, ascending."""

    first_id: int
    offsets: array[int] | range


class Matches:
    """Ids of matching events. Older segments join at the old end, new events at the new end."""

    def __init__(self) -> None:
        self._blocks: list[_Block] = []  # newest segment first
        self.total = 0

    def add_older(self, first_id: int, offsets: Sequence[int] | range) -> None:
        """Add the matches of a segment older than all there are."""
        if offsets:
            self._blocks.append(_Block(first_id, _compact(offsets)))
            self.total += len(offsets)

    def add_newer(self, first_id: int, offsets: Sequence[int] | range) -> None:
        """Add matches newer than all there are; more of the newest segment may come later."""
        if not offsets:
            return
        self.total += len(offsets)
        added = _compact(offsets)
        newest = self._blocks[0] if self._blocks else None
        if newest is None or newest.first_id != first_id:
            self._blocks.insert(0, _Block(first_id, added))
        elif isinstance(newest.offsets, array):
            newest.offsets.extend(added)
        else:
            newest.offsets = range(newest.offsets.start, added[-1] + 1)

    def newest(self, skip: int, limit: int) -> list[int]:
        """Return at most `limit` ids, newest first, after leaving out the `skip` newest."""
        found: list[int] = []
        for block in self._blocks:
            length = len(block.offsets)
            if skip >= length:
                skip -= length
                continue
            end = length - skip
            chosen = block.offsets[max(0, end - (limit - len(found))) : end]
            found.extend(block.first_id + offset for offset in reversed(chosen))
            skip = 0
            if len(found) == limit:
                break
        return found


def _compact(offsets: Sequence[int] | range) -> array[int] | range:
    return offsets if isinstance(offsets, range) else array("H", offsets)
