"""Every message between an endpoint's agent and the gateway (the always-on channel).

Nouns and past tense go up to the console, imperatives go down. Each message stands here once;
its tag is its name on the wire for ever, and a golden file in `tests/protocol/golden/` keeps an
example of every one that was ever shipped. Unknown tags are refused, unknown fields ignored, new
fields get a default.
"""

from __future__ import annotations

from typing import TypeAlias
from uuid import UUID

import msgspec

from protocol.events import Event, Process
from protocol.questions import SensorFailure

VERSION_OLDEST = 1
VERSION_NEWEST = 1


class Message(msgspec.Struct, kw_only=True, tag_field="t"):
    """A control message. Instants are microseconds since the epoch, UTC."""


class Durable(Message):
    """A message that its sender keeps on disk until the console says it is committed.

    `id` makes it idempotent: the same id may arrive twice and must be stored once.
    """

    id: UUID


# ------------------------------------------------------------------ both ways


class Goodbye(Message, tag="link.goodbye"):
    """The sender closes on purpose. `retry_after` is in seconds; None: do not come back."""

    reason: str
    retry_after: float | None = None


# ------------------------------------------------------------------ up


class Platform(msgspec.Struct, kw_only=True):
    """What kind of computer speaks. `os` is `linux`, `windows` or `macos`."""

    os: str
    os_name: str
    os_version: str
    kernel: str
    architecture: str
    host_name: str
    addresses: list[str]
    machine_id: str = ""


class Hello(Message, tag="endpoint.hello"):
    """The first message of an agent: who and what it is, and where it left off.

    `capabilities` names the instructions it can carry out. `sequence` is the highest instruction
    that it accepted. Identity is never taken from here: it is in the certificate.
    """

    version_oldest: int
    version_newest: int
    agent_version: str
    boot_id: str
    sent_at: int
    platform: Platform
    capabilities: list[str]
    intel_revision: int
    sequence: int


class Heartbeat(Message, tag="endpoint.heartbeat"):
    """The agent is alive. Sent every `Welcome.heartbeat_interval` seconds."""

    sent_at: int


class SourceHealth(msgspec.Struct, kw_only=True):
    """One event source: `state` is `running`, `degraded`, `failed` or `absent`."""

    name: str
    state: str
    kinds: list[str]
    blind_to: list[str] = []
    reason: str = ""


class KindCounters(msgspec.Struct, kw_only=True):
    """How many events of one kind: seen by the sources, filtered, recorded, lost."""

    seen: int = 0
    filtered: int = 0
    recorded: int = 0
    lost: int = 0


class StatusReport(Message, tag="endpoint.status"):
    """How the agent is doing. Counters count since the agent's start.

    `cpu_percent` is of one core over the last interval; `disk_free_bytes` is where the event
    store lives. `problems` are sentences for the administrator; empty means nominal.
    """

    sent_at: int
    started_at: int
    sources: list[SourceHealth]
    counters: dict[str, KindCounters]
    cpu_percent: float
    memory_bytes: int
    store_bytes: int
    store_oldest_at: int
    disk_free_bytes: int
    outbox_bytes: int
    outbox_dropped: int
    intel_revision: int
    signals: int
    problems: list[str]


class MatchedTerm(msgspec.Struct, kw_only=True):
    """One term of a rule that was true, and the text it was true of."""

    property: str
    condition: str
    value: str
    found: str


class AlertRaised(Durable, tag="alert.raised"):
    """A rule matched an event. `intel_id` and `intel_revision` name the rule as deployed.

    `process` is the one that did it, its ancestors included.
    """

    intel_id: UUID
    intel_revision: int
    at: int
    event: Event
    process: Process | None
    matched: list[MatchedTerm]


class InstructionCompleted(Durable, tag="instruction.completed"):
    """How one signed instruction ended: `done`, `refused` or `failed`, with the reason."""

    sequence: int
    outcome: str
    detail: str = ""


class QuestionAnswered(Durable, tag="question.answered"):
    """What one endpoint answers, or one part of it.

    `outcome` is ANSWERED, NOT_MATCHING (the filter was false: no rows) or FAILED (no sensor gave
    rows; see `failures`). Rows have the columns of all selections in their order; where several
    sensors have many rows, rows are combined. `cut` rows were left out because there were too
    many. Parts count from 0; each has its own id. `took` is in µs.
    """

    question_id: UUID
    outcome: str
    rows: list[list[str]] = []
    cut: int = 0
    failures: list[SensorFailure] = []
    part: int = 0
    parts: int = 1
    took: int = 0


Upward: TypeAlias = (
    Hello
    | Heartbeat
    | StatusReport
    | AlertRaised
    | InstructionCompleted
    | QuestionAnswered
    | Goodbye
)

# ------------------------------------------------------------------ down


class Welcome(Message, tag="gateway.welcome"):
    """The answer to Hello: the version that both speak, and the pace of heartbeats (s)."""

    version: int
    server_at: int
    heartbeat_interval: float
    status_interval: float


class Acknowledge(Message, tag="gateway.acknowledge"):
    """These durable messages are committed in the console's database: forget them."""

    ids: list[UUID]


class Later(Message, tag="gateway.later"):
    """The console cannot take durable messages now: hold them for `retry_after` seconds."""

    retry_after: float
    reason: str


class Instruct(Message, tag="gateway.instruct"):
    """Carry out a signed instruction: see `protocol.instructions`."""

    envelope: bytes


Downward: TypeAlias = Welcome | Acknowledge | Later | Instruct | Goodbye
