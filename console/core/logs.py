"""How the programs log: one line per event to standard error, through the standard library.

The standard library's handlers never raise: a full disk must not end a program because it wanted
to report it.
"""

from __future__ import annotations

import logging

import structlog


def configure_logging() -> None:
    """Set up logging of this process; call it once, at the start of a program."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    # A line that cannot be written is dropped, without a word to the stream that failed.
    logging.raiseExceptions = False
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.processors.format_exc_info,
            structlog.processors.KeyValueRenderer(key_order=["event"], drop_missing=True),
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
