"""What the audit log refuses: everything but appending inside a transaction."""

from __future__ import annotations

from console.core.exceptions import VedetteError


class AuditRefused(VedetteError):
    """The base of what the audit log refuses."""

    status = 500
    title = "Audit refused"


class AuditIsAppendOnly(AuditRefused):
    """Somebody tried to change or remove an audit event."""


class AuditNeedsTransaction(AuditRefused):
    """An event was recorded outside the transaction of the change that it reports."""
