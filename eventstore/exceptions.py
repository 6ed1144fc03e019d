"""Why the event store refused.

EventStoreError
├── NotAnEventStore     the file is something else
├── WrongStoreKey       the key does not open the file
├── StoreTooNew         written by a later version of this program
├── StoreDamaged        the file is unreadable in places: see `eventstore.salvage`
├── StoreBusy           another program holds the store for longer than we wait
├── StoreFull           no room on the disk
├── NotSearchable       the expression asks for something that is not stored
└── SearchCancelled     somebody cancelled the search while it ran
"""

from __future__ import annotations


class EventStoreError(Exception):
    """The base of all refusals of the event store."""


class NotAnEventStore(EventStoreError):
    """The file exists and is no event store."""


class WrongStoreKey(EventStoreError):
    """The key, or the cipher, is not the one that the store was written with."""


class StoreTooNew(EventStoreError):
    """A later version of this program changed the schema of the store."""


class StoreDamaged(EventStoreError):
    """Pages of the file cannot be read."""


class StoreBusy(EventStoreError):
    """Another program kept the store locked for longer than the time-out."""


class StoreFull(EventStoreError):
    """The disk has no room; everything that was committed before is still there."""


class SearchCancelled(EventStoreError):
    """The search was cancelled; close it."""


class NotSearchable(EventStoreError):
    """The expression names a property that the store does not keep."""

    def __init__(self, property_name: str) -> None:
        super().__init__(f"{property_name} cannot be searched")
        self.property_name = property_name
