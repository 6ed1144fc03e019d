"""Secrets come from the environment, from a file it names, or from a key file made once.

`NAME` wins over `NAME_FILE`, which wins over `<data>/keys/<name>`; the last is created with
permissions 0600 when it does not exist, so that an embedded console needs no configuration.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path


def read_secret(environment: str) -> str:
    """Return the secret of this variable, or of the file that `<variable>_FILE` names, or "".

    Raises OSError when the file cannot be read.
    """
    if value := os.environ.get(environment):
        return value
    if path := os.environ.get(f"{environment}_FILE"):
        return Path(path).read_text(encoding="utf-8").strip()
    return ""


def read_or_create_secret(name: str, *, keys_directory: Path, environment: str) -> str:
    """Return the secret called `name`, creating its key file on first use.

    Raises OSError when a file that should be read cannot be.
    """
    if value := read_secret(environment):
        return value
    key_file = keys_directory / name
    keys_directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        descriptor = os.open(key_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return key_file.read_text(encoding="ascii").strip()
    secret = secrets.token_urlsafe(48)
    with os.fdopen(descriptor, "w", encoding="ascii") as stream:
        stream.write(secret)
    return secret
