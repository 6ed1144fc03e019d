"""Secrets come from the environment, from a file it names, or from a key file made once.

`NAME` wins over `NAME_FILE`, which wins over `<data>/keys/<name>`; the last is created with
permissions 0600 when it does not exist, so that an embedded console needs no configuration.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from console.core.exceptions import Unavailable
from console.core.private_files import make_private_directory, write_private_file


def read_secret(name: str, variables: Mapping[str, str] = os.environ) -> str:
    """Return the secret of this variable, or of the file that `<variable>_FILE` names, or "".

    Raises Unavailable when that file cannot be read or holds nothing.
    """
    if value := variables.get(name):
        return value
    path = variables.get(f"{name}_FILE")
    if not path:
        return ""
    try:
        value = Path(path).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise Unavailable(
            f"the file {path}, which {name}_FILE names, cannot be read: {error.strerror}"
        ) from error
    except UnicodeDecodeError as error:
        raise Unavailable(f"the file {path}, which {name}_FILE names, holds no text") from error
    if not value:
        raise Unavailable(f"the file {path}, which {name}_FILE names, is empty")
    return value


def read_or_create_secret(name: str, *, keys_directory: Path, environment: str) -> str:
    """Return the secret called `name`, creating its key file on first use.

    Raises Unavailable when a file that the environment names cannot be read, or the key file can
    be neither read nor made.
    """
    if value := read_secret(environment):
        return value
    key_file = keys_directory / name
    try:
        make_private_directory(keys_directory)
        return _read_or_create(key_file)
    except OSError as error:
        raise Unavailable(
            f"the key file {key_file} cannot be used: {error.strerror}; "
            "set VEDETTE_DATA to a place that you can write to"
        ) from error
    except UnicodeDecodeError as error:
        raise Unavailable(
            f"the key file {key_file} is damaged; restore it, or remove it, and the console makes "
            "another: everybody then has to log in again"
        ) from error


def url_without_secrets(url: str) -> str:
    """Return the address that can be shown: without user, password and query, which may hold one.

    Of text that is no address, nothing is shown.
    """
    try:
        parts = urlsplit(url)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return "an address that cannot be read"
    host = parts.hostname or ""
    return f"{parts.scheme}://{f'[{host}]' if ':' in host else host}{port}{parts.path}"


def _read_or_create(key_file: Path) -> str:
    if key_file.exists():
        return key_file.read_text(encoding="ascii").strip()
    secret = secrets.token_urlsafe(48)
    draft = key_file.with_name(f".{key_file.name}.{secrets.token_hex(8)}")
    write_private_file(draft, secret.encode("ascii"))
    try:
        # It appears whole or not at all: programs start together, and one of them is the first.
        os.link(draft, key_file)
    except FileExistsError:
        return key_file.read_text(encoding="ascii").strip()
    finally:
        draft.unlink()
    return secret
