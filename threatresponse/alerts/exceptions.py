"""What this app refuses.

AlertError
└── TooManyAlerts    400  more alerts in one request than one transaction may change
"""

from __future__ import annotations

from console.core.exceptions import InvalidInput, VedetteError


class AlertError(VedetteError):
    """The base of this app's refusals."""


class TooManyAlerts(AlertError, InvalidInput):
    """More alerts in one request than one transaction may change."""
