"""The values of the settings, read from the environment; wrong ones are kept for the checks.

A wrong value never ends in a traceback while the settings load, and never passes either: the
system checks name it (`console.core.checks`), and no program starts without them. What is empty
counts as not given.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from console.core.database import NO_DATABASE, database_from_url
from console.core.exceptions import Unavailable
from console.core.secrets import read_secret

_LARGEST: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class WrongValue:
    """What is wrong with one variable, what to do about it, and the id of the check's error."""

    variable: str
    problem: str
    hint: str
    check_id: str


class Environment:
    """Reads variables. Everything wrong that was met stands in `wrong`, in order."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables = variables
        self.wrong: list[WrongValue] = []

    def number(self, name: str, default: int, *, lowest: int = -_LARGEST) -> int:
        """Return a whole number of `lowest` to a million, or the default."""
        text = self._variables.get(name) or str(default)
        try:
            number = int(text)
        except ValueError:
            number = None
        if number is not None and lowest <= number <= _LARGEST:
            return number
        self.wrong.append(
            WrongValue(
                name,
                f"{name} is {text[:40]!r}.",
                f"Write a whole number, such as {default}, or leave it empty for that.",
                "vedette.E009",
            )
        )
        return default

    def names(self, name: str, default: str) -> list[str]:
        """Return what stands between commas."""
        text = self._variables.get(name) or default
        return [item.strip() for item in text.split(",") if item.strip()]

    def secret(self, name: str) -> str:
        """Return the secret of this variable or of the file that `<name>_FILE` names, or ""."""
        try:
            return read_secret(name, self._variables)
        except Unavailable as refusal:
            self.wrong.append(
                WrongValue(
                    name,
                    f"{refusal}.",
                    "Let it name a file that this user can read and that holds the value.",
                    "vedette.E010",
                )
            )
            return ""

    def database(self, name: str, *, default_path: Path) -> dict[str, Any]:
        """Return Django's settings of the database at this address; empty means SQLite.

        With a wrong address there is no database at all: another one would take its place.
        """
        known = len(self.wrong)
        url = self.secret(name)
        if len(self.wrong) > known:
            return dict(NO_DATABASE)
        try:
            return database_from_url(url, default_path=default_path)
        except ValueError as error:
            self.wrong.append(
                WrongValue(
                    name,
                    f"{error}.",
                    "Write postgresql://user:password@host/name, or leave it empty for SQLite.",
                    "vedette.E011",
                )
            )
            return dict(NO_DATABASE)
