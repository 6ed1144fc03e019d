"""The chain of digests: what each event's digest covers, and whether the chain still holds."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC

from console.audit.models import AuditChain, AuditEvent

_READ_AT_ONCE = 2000


@dataclass(frozen=True, slots=True)
class ChainVerdict:
    """How many events were checked, and the first place where the chain does not hold, if any.

    `broken_at` is the sequence of the first event that is wrong or missing; None: intact.
    """

    checked: int
    broken_at: int | None = None
    reason: str = ""

    @property
    def is_intact(self) -> bool:
        """Tell whether every event is there and as it was written."""
        return self.broken_at is None


def digest_of(event: AuditEvent) -> str:
    """Return the SHA-256, in hexadecimal, of the event's content and the previous digest."""
    content = [
        event.previous_digest,
        event.sequence,
        event.happened_at.astimezone(UTC).isoformat(timespec="microseconds"),
        event.actor_id,
        event.actor_name,
        event.source_address,
        event.action,
        event.outcome,
        event.subject_type,
        event.subject_id,
        event.subject_name,
        event.detail,
    ]
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def verify_chain() -> ChainVerdict:
    """Read every event in order and tell whether one was changed, removed or put in between."""
    # Events that arrive meanwhile lie behind this end and are not looked at.
    end = AuditChain.objects.filter(pk=1).first() or AuditChain()
    checked, digest = 0, ""
    events = AuditEvent.objects.filter(sequence__lte=end.sequence).order_by("sequence")
    for event in events.iterator(chunk_size=_READ_AT_ONCE):
        if event.sequence != checked + 1:
            return ChainVerdict(checked, checked + 1, "the event is missing")
        if event.previous_digest != digest or event.digest != digest_of(event):
            return ChainVerdict(checked, event.sequence, "the event is not what was written")
        checked, digest = event.sequence, event.digest
    if (checked, digest) != (end.sequence, end.digest):
        return ChainVerdict(checked, checked + 1, "the newest events are missing")
    if AuditEvent.objects.filter(sequence__gt=end.sequence).exists() and not _grew_since(end):
        return ChainVerdict(checked, end.sequence + 1, "an event was added behind the end")
    return ChainVerdict(checked)


def _grew_since(end: AuditChain) -> bool:
    newest = AuditChain.objects.filter(pk=1).first()
    return newest is not None and newest.sequence > end.sequence
