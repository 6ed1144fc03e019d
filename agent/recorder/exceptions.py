"""What the recorder refuses.

RecorderError
├── SourceUnavailable     an event source cannot be used here; the reason is for people
│   └── ProgramRefused    the kernel did not take a BPF program; holds the verifier's log
├── BlobDamaged           recorder.blob is not what recorder.manifest.json says
└── MalformedRecord       bytes from the kernel that do not have the agreed form
"""

from __future__ import annotations


class RecorderError(Exception):
    """The base of all errors of the recorder."""


class SourceUnavailable(RecorderError):
    """An event source cannot be used on this computer. The message says why, for people."""


class ProgramRefused(SourceUnavailable):
    """The kernel refused a BPF program. `log` is the verifier's, possibly empty."""

    def __init__(self, reason: str, log: str = "") -> None:
        super().__init__(f"{reason}\n{log}" if log else reason)
        self.log = log


class BlobDamaged(RecorderError):
    """The built BPF programs on disk are not the ones that the manifest describes."""


class MalformedRecord(RecorderError):
    """The kernel handed over bytes that do not have the agreed form."""
