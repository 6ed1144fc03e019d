"""News about endpoints, sent after the transaction has committed.

Subscribe in `AppConfig.ready()`. Receivers get `endpoint_id` (UUID) and `at` (datetime).
"""

from __future__ import annotations

from django.dispatch import Signal

endpoint_enrolled = Signal()
endpoint_revoked = Signal()

# Receivers get `endpoint_ids` (tuple of UUID): those that are in other groups than before.
membership_changed = Signal()
