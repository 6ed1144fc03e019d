"""What this user is logged in to: one file, for its owner only.

`logins.json` in `$VEDETTE_CONFIG`, `$XDG_CONFIG_HOME/vedette` or `~/.config/vedette`.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from client.exceptions import WrongUsage

FILE_NAME: Final = "logins.json"


@dataclass(frozen=True, slots=True)
class Login:
    """A console, the token for it, and the certificates (PEM) that prove it; "": the system's."""

    console: str
    token: str
    authority: str = ""
    expires_at: str = ""


class Logins:
    """The logins in one directory, the last one first."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / FILE_NAME

    @property
    def path(self) -> Path:
        """Say where they stand."""
        return self._path

    def find(self, console: str = "") -> Login | None:
        """Return the login for a console, or the last one. Raises `WrongUsage`."""
        found = self._read()
        return next((each for each in found if console in {"", each.console}), None)

    def keep(self, login: Login) -> None:
        """Keep a login in the place of an older one for the same console. Raises `WrongUsage`."""
        self._write([login, *self._others(login.console)])

    def forget(self, console: str) -> None:
        """Forget the login for a console. Raises `WrongUsage`."""
        self._write(self._others(console))

    def _others(self, console: str) -> list[Login]:
        return [each for each in self._read() if each.console != console]

    def _read(self) -> list[Login]:
        try:
            stored = json.loads(self._path.read_text(encoding="utf-8"))
            return [Login(**each) for each in stored]
        except FileNotFoundError:
            return []
        except (OSError, ValueError, TypeError) as error:
            raise WrongUsage(f"{self._path} cannot be read ({error}): remove it.") from error

    def _write(self, logins: list[Login]) -> None:
        content = json.dumps([asdict(each) for each in logins], indent=1).encode()
        draft = self._path.with_name(f".{FILE_NAME}.{secrets.token_hex(8)}")
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as stream:
                stream.write(content)
            draft.replace(self._path)
        except OSError as error:
            draft.unlink(missing_ok=True)
            raise WrongUsage(f"{self._path} cannot be written: {error}") from error


def config_directory(environment: Mapping[str, str]) -> Path:
    """Return where this user's settings stand."""
    if named := environment.get("VEDETTE_CONFIG"):
        return Path(named)
    base = environment.get("XDG_CONFIG_HOME") or "~/.config"
    return Path(base).expanduser() / "vedette"


def login_from(stored: Login | None, **given: Any) -> Login:
    """Put what was given in the place of what is stored; the console alone proves nothing.

    Raises `WrongUsage` when the console or the token is known from nowhere.
    """
    console = given.get("console") or (stored.console if stored else "")
    if not console:
        raise WrongUsage("Which console? Log in with `login`, or give --console and --token.")
    token = given.get("token") or (stored.token if stored else "")
    if not token:
        raise WrongUsage(f"There is no login for {console}: use `login`, or give --token.")
    return Login(console, token, given.get("authority") or (stored.authority if stored else ""))
