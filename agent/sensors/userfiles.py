"""Read files that users keep, whatever they made of them.

Programs that read such a file follow links, so a link must not hide it; but the agent reads more
than a user may, so it follows only to what the user could read, too. Nothing but a regular file is
ever opened: a user may put a FIFO or a link to a device where a file is expected.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Final

import msgspec

from agent.sensors.filefacts import kind_of
from agent.sensors.values import text_of

_FILE_BYTES: Final = 256 * 1024


class UserFile(msgspec.Struct, frozen=True, kw_only=True):
    """What stands at a path. `content` is None where nothing was read.

    `leads_to` is where a link leads in the end; `kind` is a word of `filefacts.kind_of`;
    `modified_at` is in seconds since the epoch.
    """

    content: bytes | None
    kind: str
    leads_to: str = ""
    modified_at: float = 0.0

    @property
    def text(self) -> str:
        """The content as text; empty where nothing was read."""
        return text_of(self.content or b"")

    @property
    def remark(self) -> str:
        """Say what is odd about it; empty for a plain file that was read."""
        if self.leads_to:
            unread = "" if self.content is not None else ", which was not read"
            return f"link to {self.leads_to}{unread}"
        return "" if self.content is not None else f"no file that can be read: {self.kind}"


def read_user_file(
    root: Path,
    path: str,
    *,
    user_id: int,
    base: str,
    most: int = _FILE_BYTES,
    end: bool = False,
) -> UserFile | None:
    """Read up to `most` bytes of a file, from its end if `end`; None when nothing is there.

    `path` and `base` are as the computer has them; `base` is the folder whose own links are not the
    user's: what is behind it must not be one.
    """
    here, start = str(root / path.lstrip("/")), str(root / base.lstrip("/"))
    if not os.path.lexists(here):
        return None
    real = os.path.realpath(here)
    plain = os.path.join(os.path.realpath(start), os.path.relpath(here, start))  # noqa: PTH118 - text
    shown = "" if real == plain else _as_the_computer_has_it(real, root)
    try:
        descriptor = os.open(real, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return UserFile(content=None, kind="nothing", leads_to=shown)
    try:
        status = os.fstat(descriptor)
        readable = not shown or _may_read(status, user_id)
        content = None
        if stat.S_ISREG(status.st_mode) and readable:
            content = _content(descriptor, most, end=end)
    finally:
        os.close(descriptor)
    return UserFile(
        content=content,
        kind=kind_of(status.st_mode),
        leads_to=shown,
        modified_at=status.st_mtime,
    )


def _content(place: int, most: int, *, end: bool) -> bytes | None:
    """Read the file for which a descriptor stands; None when that is not possible."""
    try:
        descriptor = os.open(f"/proc/self/fd/{place}", os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        size = os.fstat(descriptor).st_size
        return os.pread(descriptor, most, max(size - most, 0) if end else 0)
    except OSError:
        return None
    finally:
        os.close(descriptor)


def _may_read(status: os.stat_result, user_id: int) -> bool:
    """Tell whether a user can read what a link of theirs leads to; groups are not looked at."""
    return user_id in (0, status.st_uid) or bool(status.st_mode & stat.S_IROTH)


def _as_the_computer_has_it(real: str, root: Path) -> str:
    base = str(root.resolve()).rstrip("/")
    return text_of(os.fsencode(real.removeprefix(base) if base else real))
