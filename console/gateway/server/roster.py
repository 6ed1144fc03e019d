"""Who is connected to this gateway, and what to do when somebody is here twice.

The newest connection of an endpoint wins: after a change of network the old one is a corpse that
TCP has not buried yet. When both ends are alive on different computers, a certificate was copied:
that is noted for the administrator.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from uuid import UUID

from console.gateway.arrivals import Computer, suspicion_of
from console.gateway.server.link import EndpointLink

# Seconds. Whoever was replaced stays away for so long: two computers with one certificate must
# not push each other out all the time.
REPLACED_RETRY_MIN = 30.0
REPLACED_RETRY_MAX = 90.0


class Roster:
    """The links that said Hello, by endpoint; and who came and went since it was last asked."""

    def __init__(self) -> None:
        self._links: dict[UUID, EndpointLink] = {}
        self._came: set[UUID] = set()
        self._went: set[UUID] = set()

    def __len__(self) -> int:
        return len(self._links)

    def __iter__(self) -> Iterator[EndpointLink]:
        return iter(list(self._links.values()))

    def get(self, endpoint_id: UUID) -> EndpointLink | None:
        """Return the endpoint's link, if it is here."""
        return self._links.get(endpoint_id)

    def ids(self) -> list[UUID]:
        """List who is here."""
        return list(self._links)

    def add(self, link: EndpointLink) -> str:
        """Take in a link that said Hello, in place of an older one of the same endpoint.

        Returns a sentence when the certificate seems to be used on two computers, else nothing.
        """
        endpoint_id = _known(link)
        older = self._links.get(endpoint_id)
        self._links[endpoint_id] = link
        self._came.add(endpoint_id)
        self._went.discard(endpoint_id)
        if older is None:
            return ""
        return _replace(older, computer_of(link))

    def displace(self, endpoint_id: UUID, computer: Computer) -> str:
        """Let an endpoint go that has connected to another gateway, from this computer.

        Returns a sentence when the certificate seems to be used on two computers, else nothing.
        """
        older = self._links.get(endpoint_id)
        if older is None:
            return ""
        self.remove(older)
        return _replace(older, computer)

    def remove(self, link: EndpointLink) -> None:
        """Forget a link; one that was replaced before changes nothing."""
        endpoint_id = _known(link)
        if self._links.get(endpoint_id) is link:
            del self._links[endpoint_id]
            self._went.add(endpoint_id)
            self._came.discard(endpoint_id)

    def take_changes(self) -> tuple[set[UUID], set[UUID]]:
        """Tell who came and who went since the last call."""
        came, self._came = self._came, set()
        went, self._went = self._went, set()
        return came, went


def _known(link: EndpointLink) -> UUID:
    if link.endpoint_id is None:
        raise ValueError("a link without an identity never says Hello")
    return link.endpoint_id


def computer_of(link: EndpointLink) -> Computer:
    """Tell on which computer a link that said Hello ends."""
    if link.hello is None:
        raise ValueError("a link without a Hello is not in the roster")
    platform = link.hello.platform
    return Computer(platform.machine_id, platform.host_name, link.source_address)


def _replace(older: EndpointLink, newer: Computer) -> str:
    suspicion = suspicion_of(computer_of(older), newer)
    older.say_goodbye(
        "another connection with the same certificate is newer",
        retry_after=random.uniform(REPLACED_RETRY_MIN, REPLACED_RETRY_MAX),  # noqa: S311 - jitter
    )
    return suspicion
