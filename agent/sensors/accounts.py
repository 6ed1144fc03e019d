"""Who has an account, who can become root, and how their passwords stand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from agent.sensors.accountfiles import (
    LocalGroup,
    LocalUser,
    local_groups,
    local_users,
    members_of,
    shadow_entries,
)
from agent.sensors.context import Row, SensorContext, SensorFunction
from agent.sensors.exceptions import SensorUnavailable
from agent.sensors.sudorules import read_sudo_rules
from agent.sensors.values import boolean_text, instant_text

_DAY: Final = 86_400 * 1_000_000
# Groups that lead to root by the usual settings, and how.
_POWERFUL: Final = {
    "sudo": "may use sudo, by the usual settings",
    "wheel": "may use sudo, by the usual settings",
    "admin": "may use sudo, by the usual settings",
    "docker": "controls Docker, which runs as root",
    "lxd": "controls LXD, which runs as root",
    "incus-admin": "controls Incus, which runs as root",
    "disk": "reads and writes disks directly",
    "shadow": "reads the hashes of all passwords",
}
_ALGORITHMS: Final = {
    "1": "MD5",
    "2": "bcrypt",
    "2a": "bcrypt",
    "2b": "bcrypt",
    "2x": "bcrypt",
    "2y": "bcrypt",
    "5": "SHA-256",
    "6": "SHA-512",
    "7": "scrypt",
    "y": "yescrypt",
    "gy": "gost-yescrypt",
    "md5": "Sun MD5",
    "sha1": "SHA-1",
}
_HASH_OF_DES: Final = 13
# pwconv(8): the secret stands in shadow.
_SHADOWED: Final = "x"


def users(context: SensorContext, _parameters: Mapping[str, str]) -> Iterator[Row]:
    """Give every local account."""
    accounts, groups = local_users(context.root), local_groups(context.root)
    for user in accounts:
        yield (
            user.name,
            str(user.id),
            str(user.group_id),
            user.full_name,
            user.home,
            user.shell,
            boolean_text(user.can_log_in),
            ", ".join(_groups_of(user, groups)),
        )


def groups(context: SensorContext, _parameters: Mapping[str, str]) -> Iterator[Row]:
    """Give every local group with its members."""
    accounts = local_users(context.root)
    for group in local_groups(context.root):
        yield group.name, str(group.id), ", ".join(members_of(group, accounts))


def administrators(context: SensorContext, _parameters: Mapping[str, str]) -> Iterator[Row]:
    """Give who can become root, and through what."""
    accounts, all_groups = local_users(context.root), local_groups(context.root)
    numbers = {user.name: str(user.id) for user in reversed(accounts)}
    members = {group.name: members_of(group, accounts) for group in all_groups}
    for user in accounts:
        if user.id == 0:
            yield user.name, "0", "user id 0", "is root", "", "/etc/passwd"
    for name, rights in _POWERFUL.items():
        for member in members.get(name, []):
            yield member, numbers.get(member, ""), f"group {name}", rights, "", "/etc/group"
    for rule in read_sudo_rules(context.root):
        through = "sudoers"
        people = [rule.who]
        if rule.who.startswith("%"):
            through = f"sudoers, group {rule.who[1:]}"
            # A rule for a group without local members still lets some in, one day.
            people = members.get(rule.who[1:], []) or [rule.who]
        for person in people:
            yield (
                person,
                numbers.get(person, person[1:] if person.startswith("#") else ""),
                through,
                rule.rights,
                boolean_text(rule.without_password),
                rule.source,
            )


def passwords(context: SensorContext, _parameters: Mapping[str, str]) -> Iterator[Row]:
    """Give how each account's password stands."""
    try:
        shadows = {entry.name: entry for entry in reversed(shadow_entries(context.root))}
    except FileNotFoundError:
        shadows = {}
    accounts = local_users(context.root)
    if not accounts:
        raise SensorUnavailable("There are no local accounts on this computer.")
    for user in accounts:
        if user.password != _SHADOWED:
            yield user.name, *password_status(user.password), "", "", "", ""
            continue
        entry = shadows.get(user.name)
        if entry is None:
            yield user.name, "no entry", "", "", "", "", ""
            continue
        changed_at = entry.changed_on * _DAY if entry.changed_on > 0 else 0
        yield (
            user.name,
            *password_status(entry.secret),
            instant_text(changed_at),
            str((context.now - changed_at) // _DAY) if changed_at else "",
            str(entry.most_days) if entry.most_days >= 0 else "",
            instant_text(max(entry.expires_on, 0) * _DAY),
        )


def password_status(secret: str) -> tuple[str, str]:
    """Return status and algorithm of a secret as shadow has it, but nothing of the secret."""
    if not secret:
        return "none", ""
    locked = secret.startswith("!")
    plain = secret.lstrip("!")
    algorithm = _algorithm(plain)
    if locked:
        return "locked", algorithm
    return ("set", algorithm) if algorithm else ("unusable", "")


def _algorithm(secret: str) -> str:
    if secret.startswith("$"):
        name = secret[1:].partition("$")[0].partition(",")[0]
        return _ALGORITHMS.get(name, "unknown")
    if secret.startswith("_"):
        return "DES, extended"
    return "DES" if len(secret) == _HASH_OF_DES else ""


def _groups_of(user: LocalUser, all_groups: list[LocalGroup]) -> list[str]:
    first = [group.name for group in all_groups if group.id == user.group_id]
    more = [group.name for group in all_groups if user.name in group.members]
    return list(dict.fromkeys([*first[:1], *more]))


SENSORS: Final[dict[str, SensorFunction]] = {
    "accounts.users": users,
    "accounts.groups": groups,
    "accounts.administrators": administrators,
    "accounts.passwords": passwords,
}
