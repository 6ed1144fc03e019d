"""What every program of the console does before anything else."""

from __future__ import annotations

import os

from console.core.exceptions import Unavailable
from console.core.places import DATA_DIR
from console.core.private_files import make_private_directory


def begin_program() -> None:
    """Keep what this process and its children make to their owner, and have a data directory.

    Databases and logs hold what endpoints did. Raises Unavailable when there can be no directory.
    """
    os.umask(0o077)
    try:
        make_private_directory(DATA_DIR)
    except OSError as error:
        raise Unavailable(
            f"the data directory {DATA_DIR} cannot be made: {error.strerror}; "
            "set VEDETTE_DATA to a place that you can write to"
        ) from error
