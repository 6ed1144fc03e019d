"""How values stand in the cache: sealed, so that only what this console wrote is ever unpickled.

Redis is trusted with carrying messages, not with running code on the console: unpickling what
somebody else put there would be just that.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import pickle
from typing import Any, Final

from django.conf import settings

_SEAL_BYTES: Final = hashlib.sha256().digest_size
_log: Final = logging.getLogger(__name__)


class SealedValues:
    """The serializer of Django's Redis cache: whole numbers in the clear, the rest under a seal."""

    def dumps(self, value: Any) -> bytes | int:
        """Return what is stored; Redis itself counts with numbers, so they stay numbers."""
        if type(value) is int:
            return value
        content = pickle.dumps(value, pickle.HIGHEST_PROTOCOL)
        return _seal_of(content) + content

    def loads(self, data: bytes) -> Any:
        """Return the value; None, as if nothing were there, when the seal is not this console's."""
        try:
            return int(data)
        except ValueError:
            seal, content = data[:_SEAL_BYTES], data[_SEAL_BYTES:]
        if not hmac.compare_digest(seal, _seal_of(content)):
            _log.warning("a cached value was not written by this console: it is not read")
            return None
        return pickle.loads(content)  # noqa: S301 - sealed with our own key


def _seal_of(content: bytes) -> bytes:
    key = hashlib.sha256(b"cached values\x00" + settings.SECRET_KEY.encode()).digest()
    return hmac.digest(key, content, "sha256")
