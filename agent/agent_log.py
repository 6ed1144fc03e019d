"""Write the agent's own log: short, rotated, private, and never with recorded content in it."""

from __future__ import annotations

import logging
import os
from io import TextIOWrapper
from logging.handlers import RotatingFileHandler
from pathlib import Path

from agent.durable_file import PRIVATE_FILE

MAX_BYTES = 5 * 1024 * 1024
KEPT = 3
FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


class _PrivateFile(RotatingFileHandler):
    """A rotating log that only its owner can read."""

    def _open(self) -> TextIOWrapper:
        stream = super()._open()
        os.fchmod(stream.fileno(), PRIVATE_FILE)
        return stream


def begin_log(path: Path, *, verbose: bool, to_terminal: bool) -> None:
    """Send the log to this file, and to the terminal too when somebody watches."""
    # A full disk must not make the agent print a traceback for every line that it cannot log.
    logging.raiseExceptions = False
    handlers: list[logging.Handler] = [
        _PrivateFile(path, maxBytes=MAX_BYTES, backupCount=KEPT, encoding="utf-8")
    ]
    if to_terminal:
        handlers.append(logging.StreamHandler())
    logging.basicConfig(
        level=logging.DEBUG if verbose else logging.INFO,
        format=FORMAT,
        handlers=handlers,
        force=True,
    )
    # Libraries speak of every frame at the lower levels.
    for name in ("websockets", "asyncio"):
        logging.getLogger(name).setLevel(logging.WARNING)
