"""The rules of sudo: who may run what as whom; sudoers(5).

Read for people, not to decide: aliases of users are resolved, the rest of a rule is shown as it is
written.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from agent.sensors.reading import names_in, text_at

_MAIN: Final = "etc/sudoers"
_DEEPEST: Final = 8
_INCLUDE: Final = re.compile(r'[@#](include|includedir)\s+"?([^"]+?)"?\s*$')
_ALIAS: Final = re.compile(r"User_Alias\s+(.+)")
_NO_RULE: Final = re.compile(r"(Defaults|Host_Alias|Cmnd_Alias|Cmd_Alias|Runas_Alias)\b")
_WHO: Final = r"(?:[^\s,=\\\"]|\\.|\"[^\"]*\")+"
_RULE: Final = re.compile(rf"({_WHO}(?:\s*,\s*{_WHO})*)\s+(.+)")
# A number after the sign is a user id.
_COMMENT: Final = re.compile(r"(?:^|\s)#(?!\d).*$")


class SudoRule(msgspec.Struct, frozen=True, kw_only=True):
    """One rule for one user, group (`%name`) or whoever sudo names so."""

    who: str
    rights: str
    source: str

    @property
    def without_password(self) -> bool:
        """Whether a part of the rule asks for no password."""
        return "NOPASSWD:" in self.rights


def read_sudo_rules(root: Path) -> list[SudoRule]:
    """Return every rule, in the order in which sudo reads them."""
    aliases: dict[str, list[str]] = {}
    rules = []
    for source, line in _lines(root, f"/{_MAIN}", _DEEPEST):
        alias = _ALIAS.match(line)
        if alias is not None:
            for definition in alias[1].split(":"):
                name, _, members = definition.partition("=")
                aliases[name.strip()] = _names(members)
            continue
        rule = _RULE.match(line)
        if rule is not None and "=" in rule[2] and not _NO_RULE.match(line):
            rules += [SudoRule(who=who, rights=rule[2], source=source) for who in _names(rule[1])]
    return [
        SudoRule(who=who, rights=rule.rights, source=rule.source)
        for rule in rules
        for who in _resolved(rule.who, aliases, _DEEPEST)
    ]


def _lines(root: Path, path: str, depth: int) -> Iterator[tuple[str, str]]:
    """Yield the logical lines of a file and of those that it includes."""
    text = text_at(root / path.lstrip("/")).replace("\\\n", " ")
    for raw in text.splitlines():
        line = raw.strip()
        include = _INCLUDE.match(line)
        if include is None:
            plain = _COMMENT.sub("", line).strip()
            if plain:
                yield path, plain
            continue
        if depth == 0:
            continue
        place = include[2].strip()
        if not place.startswith("/"):
            place = f"{path.rpartition('/')[0]}/{place}"
        if include[1] == "include":
            yield from _lines(root, place, depth - 1)
            continue
        for name in names_in(root / place.lstrip("/")):
            # As sudo does: what editors and package managers leave behind is no rule.
            if "." not in name and not name.endswith("~"):
                yield from _lines(root, f"{place}/{name}", depth - 1)


def _names(text: str) -> list[str]:
    return [name.strip().strip('"') for name in text.split(",") if name.strip()]


def _resolved(who: str, aliases: dict[str, list[str]], depth: int) -> Iterator[str]:
    if who not in aliases or depth == 0:
        yield who
        return
    for member in aliases[who]:
        yield from _resolved(member, aliases, depth - 1)
