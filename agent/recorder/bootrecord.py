"""What the recorder remembers between two runs of the agent within one boot.

The instant of boot and the keys of running processes, so that a restarted agent gives the same
process the same key. Another boot id makes all of it worthless.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Final

import msgspec

from agent.recorder.clock import measure_boot
from agent.recorder.processes import RememberedImage

FILE_NAME: Final = "recorder-boot.msgpack"
_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")

logger = logging.getLogger(__name__)


class BootRecord(msgspec.Struct, kw_only=True):
    """One boot of this computer, as the recorder knows it."""

    boot_id: str
    booted_at: int
    images: list[RememberedImage] = []


def read_boot_id() -> str:
    """Return the kernel's random name of the present boot."""
    return _BOOT_ID.read_text("utf-8").strip()


def load_boot_record(directory: Path) -> BootRecord:
    """Return what is remembered of the present boot, or a new record of it."""
    boot_id = read_boot_id()
    try:
        record = msgspec.msgpack.decode((directory / FILE_NAME).read_bytes(), type=BootRecord)
        if record.boot_id == boot_id:
            return record
    except FileNotFoundError:
        logger.debug("first run of the recorder on this computer")
    except (OSError, msgspec.MsgspecError) as error:
        # Only the continuity of keys over this restart is lost.
        logger.warning("the recorder's memory of this boot is unreadable: %s", error)
    return BootRecord(boot_id=boot_id, booted_at=measure_boot())


def save_boot_record(directory: Path, record: BootRecord) -> None:
    """Write the record in one step; a full disk costs continuity, never the recording."""
    target = directory / FILE_NAME
    draft = target.with_suffix(".new")
    try:
        draft.write_bytes(msgspec.msgpack.encode(record))
        draft.replace(target)
    except OSError as error:
        logger.warning("the recorder's memory of this boot was not saved: %s", error)
