"""The packet filter's rules: nftables, and iptables in both of its kinds.

`nft` prints JSON with the structure, and text that people can read; the handle joins them. What
`iptables-nft` made is nftables, too. The older kind is a table of its own in the kernel, which only
its own program can print.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from agent.sensors.context import Row, SensorContext, SensorFunction
from agent.sensors.exceptions import SensorFailed, SensorUnavailable
from agent.sensors.programs import output_of
from agent.sensors.reading import text_at

_FOLDERS: Final = ("usr/sbin", "sbin", "usr/bin", "bin", "usr/local/sbin")
_LEGACY: Final = (("ip", "ip_tables_names", "iptables"), ("ip6", "ip6_tables_names", "ip6tables"))
_TABLE: Final = re.compile(r"table (\S+) (\S+) \{")
_CHAIN: Final = re.compile(r"\s*chain (\S+) \{")
_RULE: Final = re.compile(r"\s*(.+?) # handle (\d+)$")
_SAVED_CHAIN: Final = re.compile(r":(\S+) (\S+)")
_SAVED_RULE: Final = re.compile(r"-A (\S+)\s*(.*)")

RuleTexts = dict[tuple[str, str, str, str], str]


class _Ruleset(msgspec.Struct):
    """What `nft -j list ruleset` prints: objects of one key each, which names their kind."""

    nftables: list[dict[str, dict[str, Any]]]


class _Chain(NamedTuple):
    hook: str
    policy: str


def rules(context: SensorContext, _parameters: Mapping[str, str]) -> Iterator[Row]:
    """Give every rule, and every chain that has none."""
    found = False
    for row in (*_nftables(context), *_legacy(context)):
        found = True
        yield row
    if not found and _program("nft", context.root) is None:
        raise SensorUnavailable(
            "There is neither nft nor a loaded iptables table: no firewall rules can be read."
        )


def _program(name: str, root: Path) -> str | None:
    for folder in _FOLDERS:
        path = root / folder / name
        if path.is_file():
            return str(path)
    return None


def _nftables(context: SensorContext) -> Iterator[Row]:
    nft = _program("nft", context.root)
    if nft is None:
        return
    structure = output_of(nft, "-j", "-a", "list", "ruleset")
    texts = rule_texts(output_of(nft, "-a", "list", "ruleset"))
    yield from nftables_rows(structure, texts)


def rule_texts(listing: str) -> RuleTexts:
    """Read the text of each rule by family, table, chain and handle."""
    texts: RuleTexts = {}
    family = table = chain = ""
    for line in listing.splitlines():
        opened = _TABLE.match(line)
        if opened:
            family, table, chain = opened[1], opened[2], ""
            continue
        inner = _CHAIN.match(line)
        if inner:
            chain = inner[1]
            continue
        rule = _RULE.match(line)
        if rule and chain:
            texts[family, table, chain, rule[2]] = rule[1]
    return texts


def nftables_rows(structure: str, texts: RuleTexts) -> Iterator[Row]:
    """Make rows of `nft -j list ruleset`. Raises `SensorFailed` for what is no such JSON."""
    try:
        objects = msgspec.json.decode(structure, type=_Ruleset).nftables
    except msgspec.MsgspecError as error:
        raise SensorFailed("nft printed something that is not its JSON.") from error
    chains = {
        _place(one["chain"]): _Chain(
            f"{one['chain'].get('hook', '')} {one['chain'].get('prio', '')}".strip(),
            one["chain"].get("policy", ""),
        )
        for one in objects
        if "chain" in one
    }
    silent = dict(chains)
    for one in objects:
        if "rule" not in one:
            continue
        rule = one["rule"]
        place, handle = (rule["family"], rule["table"], rule["chain"]), str(rule.get("handle", ""))
        silent.pop(place, None)
        chain = chains.get(place, _Chain("", ""))
        # Changed between the two listings: its JSON says the same, less readably.
        text = texts.get((*place, handle)) or json.dumps(rule.get("expr", []))
        yield "nftables", *place, chain.hook, chain.policy, handle, text
    for place, chain in silent.items():
        yield "nftables", *place, chain.hook, chain.policy, "", ""


def _place(chain: Mapping[str, Any]) -> tuple[str, str, str]:
    return chain["family"], chain["table"], chain["name"]


def _legacy(context: SensorContext) -> Iterator[Row]:
    for family, names, program in _LEGACY:
        loaded = text_at(context.root / "proc/net" / names).split()
        if not loaded:
            continue
        saving = _program(f"{program}-legacy-save", context.root) or _program(
            f"{program}-save", context.root
        )
        if saving is None:
            for table in loaded:
                yield "iptables", family, table, "", "", "", "", f"{program}-save is missing"
            continue
        yield from saved_rows(output_of(saving), family)


def saved_rows(saved: str, family: str) -> Iterator[Row]:
    """Make rows of what iptables-save(8) prints."""
    table = ""
    policies: dict[str, str] = {}
    filled: set[str] = set()
    for line in (*saved.splitlines(), "COMMIT"):
        chain, rule = _SAVED_CHAIN.match(line), _SAVED_RULE.match(line)
        if line.startswith("*"):
            table, policies, filled = line[1:], {}, set()
        elif chain:
            policies[chain[1]] = "" if chain[2] == "-" else chain[2].lower()
        elif rule:
            filled.add(rule[1])
            yield "iptables", family, table, rule[1], "", policies.get(rule[1], ""), "", rule[2]
        elif line == "COMMIT":
            for name, policy in policies.items():
                if name not in filled:
                    yield "iptables", family, table, name, "", policy, "", ""
            policies = {}


SENSORS: Final[dict[str, SensorFunction]] = {"network.firewall_rules": rules}
