"""The installer that an endpoint runs, and the one line that fetches and runs it."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Final

from django.conf import settings

from console.certificates import tls
from console.certificates.authority import authority_pem
from console.endpoints.addresses import address
from console.endpoints.bundle import build_bundle

_TEMPLATE: Final = Path(__file__).with_name("install.sh")


def install_command(token: str, *, name: str) -> str:
    """Return the line that installs an agent on a computer that does not know our authority yet.

    curl checks the pinned key even with `-k`, which only turns off the search for an authority
    that the computer does not have; nothing is sent to a server with another key.
    """
    host = address(name, settings.VEDETTE_STATUS_PORT)
    return (
        f"curl -fsS -k --pinnedpubkey {shlex.quote(tls.public_key_pin(settings.KEYS_DIR))} "
        f"-H {shlex.quote(f'Authorization: Bearer {token}')} "
        f"{shlex.quote(f'https://{host}/install')} | sh"
    )


def installer_script(token: str, *, name: str) -> str:
    """Return a POSIX shell script that installs and enrols an agent of this console.

    It carries the token and the authority's certificate: whoever has it can let computers join.
    Raises `BundleIncomplete` or `AuthorityMissing`.
    """
    bundle = build_bundle()
    values = {
        "console": address(name, settings.VEDETTE_STATUS_PORT),
        "token": token,
        "authority": authority_pem().strip(),
        "bundle_sha256": bundle.sha256,
        "python": bundle.python,
        "machine": bundle.machine,
    }
    assignments = "\n".join(f"{key}={shlex.quote(value)}" for key, value in values.items())
    return _TEMPLATE.read_text(encoding="ascii").replace("#VALUES#", assignments)
