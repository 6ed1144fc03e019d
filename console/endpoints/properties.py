"""What rules of computer groups can say of an endpoint without asking it.

Each property is a sensor of one column, so that rules are written in the language of questions,
and means what the endpoint said at its last Hello, or what users gave it. A built-in sensor of the
same name is hidden by the property.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from console.endpoints.models import Endpoint
from sensors.conditions import Rows
from sensors.definitions import Column, SensorDefinition, ValueType
from sensors.values import read_address

CATEGORY: Final = "Endpoint"

LABEL: Final = "endpoint.label"
COMPUTER_GROUP: Final = "endpoint.computer_group"
ADDRESS: Final = "endpoint.ip_address"

# The columns of `Endpoint` that properties are made of.
FIELDS: Final = (
    "host_name",
    "os",
    "os_name",
    "os_version",
    "kernel",
    "architecture",
    "addresses",
    "agent_version",
    "enrolled_with",
)
_TITLES: Final = dict(Endpoint.OperatingSystem.choices)


@dataclass(slots=True)
class Subject:
    """One endpoint as rules see it.

    `fields` holds the values of `FIELDS`, `groups` the manual groups that it is in, `facts` what it
    answered last, by canonical call.
    """

    fields: Mapping[str, object]
    labels: tuple[str, ...] = ()
    groups: frozenset[int] = frozenset()
    facts: Mapping[str, Rows] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Property:
    """One property: how rules name it, of which fields it is made, and its cells.

    `is_single` promises exactly one cell for each endpoint.
    """

    definition: SensorDefinition
    needs: tuple[str, ...]
    read: Callable[[Mapping[str, object]], tuple[str, ...]]
    is_single: bool = True

    @property
    def key(self) -> str:
        """Return the key by which calls name it."""
        return self.definition.key

    @property
    def type(self) -> ValueType:
        """Return as what its cells compare."""
        return self.definition.columns[0].type


def _define(key: str, name: str, description: str, kind: ValueType) -> SensorDefinition:
    return SensorDefinition(
        key=key,
        name=name,
        description=description,
        category=CATEGORY,
        columns=(Column(name, kind),),
        content_set="Reserved",
    )


def _plain(
    column: str, key: str, name: str, description: str, kind: ValueType = ValueType.TEXT
) -> Property:
    definition = _define(f"endpoint.{key}", name, description, kind)
    return Property(definition, (column,), lambda fields: (str(fields[column]),))


def _is(os: str, name: str) -> Property:
    key = name.lower().replace(" ", "_")
    description = f"Whether its operating system is {_TITLES[os]}."
    definition = _define(f"endpoint.{key}", name, description, ValueType.BOOLEAN)
    return Property(definition, ("os",), lambda fields: (str(fields["os"] == os),))


def _operating_system(fields: Mapping[str, object]) -> tuple[str, ...]:
    told = f"{fields['os_name']} {fields['os_version']}".strip()
    return (told or _TITLES[str(fields["os"])],)


def _addresses(fields: Mapping[str, object]) -> tuple[str, ...]:
    listed = fields["addresses"]
    return tuple(str(address) for address in listed) if isinstance(listed, list) else ()


def _none(_fields: Mapping[str, object]) -> tuple[str, ...]:
    return ()


_LISTED: Final = (
    _plain("host_name", "computer_name", "Computer Name", "The host name."),
    Property(
        _define(
            "endpoint.operating_system",
            "Operating System",
            "The operating system with its version: Debian GNU/Linux 12.",
            ValueType.TEXT,
        ),
        ("os", "os_name", "os_version"),
        _operating_system,
    ),
    _plain("os_name", "os_name", "OS Name", "The operating system: Debian GNU/Linux."),
    _plain("os_version", "os_version", "OS Version", "Its version.", ValueType.VERSION),
    _plain("kernel", "kernel", "Kernel", "The version of its kernel.", ValueType.VERSION),
    _plain("architecture", "architecture", "Architecture", "The processor: x86_64, aarch64."),
    Property(
        _define(ADDRESS, "IP Address", "Every address that it has.", ValueType.IP_ADDRESS),
        ("addresses",),
        _addresses,
        is_single=False,
    ),
    Property(
        _define(LABEL, "Label", "Every label that users put on it.", ValueType.TEXT),
        (),
        _none,
        is_single=False,
    ),
    _plain("agent_version", "agent_version", "Agent Version", "Of its agent.", ValueType.VERSION),
    _plain(
        "enrolled_with", "enrolled_with", "Enrolled With", "The enrolment token that it joined by."
    ),
    Property(
        _define(
            COMPUTER_GROUP, "Computer Group", "Every other group that it is in.", ValueType.TEXT
        ),
        (),
        _none,
        is_single=False,
    ),
    _is("windows", "Is Windows"),
    _is("linux", "Is Linux"),
    _is("macos", "Is Mac"),
)

PROPERTIES: Final[Mapping[str, Property]] = {listed.key: listed for listed in _LISTED}


def cells_of(subject: Subject, key: str) -> tuple[str, ...]:
    """Return the cells of a property; of `COMPUTER_GROUP`, which rules resolve, none."""
    return subject.labels if key == LABEL else PROPERTIES[key].read(subject.fields)


def cells_of_all(subjects: Sequence[Subject], key: str) -> list[tuple[str, ...]]:
    """Return the cells of a property for many endpoints."""
    if key == LABEL:
        return [subject.labels for subject in subjects]
    read = PROPERTIES[key].read
    return [read(subject.fields) for subject in subjects]


def address_number(cell: str) -> tuple[int, int] | None:
    """Read an address as `sensors.values.read_address` does; IPv4, which is most, in C."""
    try:
        return 4, int.from_bytes(socket.inet_pton(socket.AF_INET, cell))
    except (OSError, ValueError):
        return read_address(cell)
