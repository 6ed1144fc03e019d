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


# Said by the shell that waits for the installer: an empty one would end well and install nothing.
_NOTHING_CAME: Final = (
    "echo 'vedette: nothing was installed: curl is needed, and the console must be in reach' >&2; "
    "exit 1"
)
_FETCH_WITH_PYTHON: Final = "; ".join(
    (
        "import hashlib, http.client, ssl, sys",
        "context = ssl._create_unverified_context()",
        "console = http.client.HTTPSConnection({host!r}, {port}, timeout=60, context=context)",
        "console.connect()",
        "found = hashlib.sha256(console.sock.getpeercert(True)).hexdigest()",
        "found == {fingerprint!r} or sys.exit('vedette: not this console: nothing was sent')",
        "header, _, value = sys.stdin.readline().strip().partition(': ')",
        "console.request('GET', '/install', headers={{header: value}})",
        "answer = console.getresponse()",
        "script = answer.read().decode()",
        "answer.status == 200 or sys.exit('vedette: the console refused: ' + script[:500])",
        "sys.stdout.write(script)",
    )
)


def install_command(token: str, *, name: str) -> str:
    """Return the line that installs an agent on a computer that does not know our authority yet.

    curl checks the pinned key even with `-k`, which only turns off the search for an authority
    that the computer does not have; nothing is sent to a server with another key. The token goes
    through a pipe: what stands in a program's arguments is there for every user to read.
    """
    host = address(name, settings.VEDETTE_STATUS_PORT)
    fetch = (
        f"{_token_line(token)} | "
        f"curl -fsS -k --pinnedpubkey {shlex.quote(tls.public_key_pin(settings.KEYS_DIR))} "
        f"-H @- {shlex.quote(f'https://{host}/install')}"
    )
    return _run_what(fetch)


def install_command_without_curl(token: str, *, name: str) -> str:
    """Return the same for a computer without curl, on which Python is needed anyway.

    Python's own library can pin a certificate only, not its key: the line is good for as long as
    the console has its present one.
    """
    program = _FETCH_WITH_PYTHON.format(
        host=name,
        port=settings.VEDETTE_STATUS_PORT,
        fingerprint=tls.server_fingerprint(settings.KEYS_DIR),
    )
    return _run_what(f"{_token_line(token)} | python3 -c {shlex.quote(program)}")


def _token_line(token: str) -> str:
    # A command of the shell itself: no program gets to see the token.
    return f"printf 'Authorization: Bearer %s\\n' {shlex.quote(token)}"


def _run_what(fetch: str) -> str:
    return f"{{ {fetch} || echo {shlex.quote(_NOTHING_CAME)}; }} | sh"


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
