"""Names of user ids, from /etc/passwd alone.

The name service could ask a directory server over the network for every new id, and the recorder
must never wait for a network that it watches. An id without a local name is shown as its number.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Final

_RECHECK_SECONDS: Final = 10.0


class Accounts:
    """The local accounts, read again when the file changes."""

    def __init__(self, path: Path = Path("/etc/passwd")) -> None:
        self._path = path
        self._names: dict[int, str] = {}
        self._read_from = 0
        self._checked_at = float("-inf")

    def name(self, user_id: int) -> str:
        """Return the account's name, or the number as text."""
        if time.monotonic() - self._checked_at > _RECHECK_SECONDS:
            self._read()
        name = self._names.get(user_id)
        return name if name is not None else str(user_id)

    def _read(self) -> None:
        self._checked_at = time.monotonic()
        try:
            changed_at = self._path.stat().st_mtime_ns
            if changed_at == self._read_from:
                return
            text = self._path.read_text("utf-8", "backslashreplace")
        except OSError:
            # A container image without the file: numbers are what is known.
            return
        self._read_from = changed_at
        names: dict[int, str] = {}
        for line in text.splitlines():
            fields = line.split(":")
            if len(fields) > 2 and fields[2].isdecimal():
                names.setdefault(int(fields[2]), fields[0])
        self._names = names
