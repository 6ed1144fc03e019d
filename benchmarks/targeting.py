"""C5: 200 computer groups over 100,000 endpoints: one endpoint that changed, and all of them.

The rules compiled to one function and evaluated in columns, beside the same rules in SQL: SQLite
with RE2 as its REGEXP, and PostgreSQL, if it is installed, with GiST and GIN indexes. All sides
find the same members. CPU seconds for what runs in this process, elapsed for the servers:

    python -m benchmarks.targeting [--endpoints 100000] [--rounds 5]
"""

from __future__ import annotations

import argparse
import ipaddress
import random
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import re2

from benchmarks.postgres import postgres
from benchmarks.settled import settle_django

settle_django()

from console.endpoints.properties import ADDRESS, PROPERTIES, Subject  # noqa: E402 - settings come first
from console.endpoints.recompute import Population, members_by_rule  # noqa: E402
from console.endpoints.rules import Named, definitions, read_rule, vocabulary  # noqa: E402
from console.endpoints.targeting import RuleSet, compile_rules  # noqa: E402
from sensors.catalogue import BUILT_IN  # noqa: E402

GROUPS = 200
SYSTEMS = (
    *("Windows Server 2019", "Windows 10", "Windows 11", "Debian 12"),
    *("Ubuntu 22.04", "RHEL 9", "macOS 14", "Amazon Linux 2"),
)
SITES = ("fra", "lon", "nyc", "sin", "syd", "tok", "par", "ams", "mad", "mil")
ROLES = ("db", "web", "app", "wks", "dc", "mail", "ci", "kub", "fs", "vpn")
LABELS = tuple(f"label {number}" for number in range(64))


@dataclass(frozen=True, slots=True)
class Term:
    """One comparison, as the language and as the two databases write it."""

    rule: str
    sqlite: str
    postgres: str


def main() -> None:
    """Print each side, and what it is of the other."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--endpoints", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    subjects = [subject(number) for number in range(options.endpoints)]
    groups = [group(number) for number in range(GROUPS)]
    one, everyone, memberships = ours(subjects, groups, options.rounds)
    print(f"{memberships:,} memberships of {options.endpoints:,} endpoints in {GROUPS} groups")
    print(f"  ours: one endpoint {one * 1e6:.1f} µs, all {everyone:.2f} s")
    show("SQLite", in_sqlite(subjects, groups, memberships), one, everyone)
    if Path("/usr/lib/postgresql").is_dir():
        show("PostgreSQL", in_postgres(subjects, groups, memberships), one, everyone)


def show(engine: str, measured: tuple[float, float], one: float, everyone: float) -> None:
    """Print what a database took beside ours."""
    its_one, its_all = measured
    print(
        f"  {engine}: one endpoint {its_one * 1e3:.1f} ms (1/{its_one / one:,.0f}), "
        f"all {its_all:.2f} s (1/{its_all / everyone:.1f})"
    )


def ours(subjects: list[Subject], groups: list[Term], rounds: int) -> tuple[float, float, int]:
    """Return CPU seconds for one endpoint and for all, and the number of memberships."""
    known = definitions(BUILT_IN.values())
    names = vocabulary(BUILT_IN.values())
    rules = {number: read_rule(term.rule, names) for number, term in enumerate(groups)}
    rule_set = RuleSet.of([Named(pk, str(pk), "filter") for pk in rules], rules, known)
    groups_of = compile_rules(rule_set)
    sample = subjects[:5000]
    each = [_cpu(lambda: [groups_of(one) for one in sample]) for _ in range(rounds)]
    population = Population(range(len(subjects)), subjects)
    all_at_once = [_cpu(lambda: dict(members_by_rule(rule_set, population))) for _ in range(rounds)]
    found = dict(members_by_rule(rule_set, population))
    memberships = sum(lanes.bit_count() for lanes in found.values())
    for place in range(0, len(subjects), 997):
        by_column = [pk for pk, lanes in found.items() if lanes >> (8 * place) & 1]
        assert sorted(groups_of(subjects[place])) == by_column
    return statistics.median(each) / len(sample), statistics.median(all_at_once), memberships


# The SQL holds nothing but what is made here.
# ruff: noqa: S608


def in_sqlite(subjects: list[Subject], groups: list[Term], memberships: int) -> tuple[float, float]:
    """Return elapsed seconds of the same in SQLite."""
    database = sqlite3.connect(":memory:")
    patterns: dict[str, Any] = {}

    def matches(pattern: str, text: str) -> bool:
        compiled = patterns.get(pattern)
        if compiled is None:
            compiled = patterns[pattern] = re2.compile(pattern)
        return compiled.fullmatch(text) is not None

    database.create_function("regexp", 2, matches, deterministic=True)
    database.execute("create table ep(id integer primary key, os text, name text, ip int)")
    database.execute("create table label(e int, name text, primary key(e, name)) without rowid")
    rows = (_sqlite_row(number, one) for number, one in enumerate(subjects))
    database.executemany("insert into ep values(?,?,?,?)", rows)
    database.executemany("insert into label values(?,?)", _labels(subjects))
    database.execute("create index by_os on ep(os)")
    database.execute("create index by_ip on ep(ip)")
    database.execute("create index by_label on label(name, e)")
    where = [term.sqlite for term in groups]

    def count_all() -> int:
        asked = (f"select count(*) from ep where {part}" for part in where)
        return sum(database.execute(query).fetchone()[0] for query in asked)

    def count_one() -> None:
        parts = (f"select {n} from ep where id=77 and {part}" for n, part in enumerate(where))
        database.execute(" union all ".join(parts)).fetchall()

    database.setlimit(sqlite3.SQLITE_LIMIT_COMPOUND_SELECT, GROUPS)
    assert count_all() == memberships
    return _elapsed(count_one, 5), _elapsed(count_all, 1)


def in_postgres(
    subjects: list[Subject], groups: list[Term], memberships: int
) -> tuple[float, float]:
    """Return elapsed seconds of the same in PostgreSQL."""
    import psycopg  # noqa: PLC0415 - an extra

    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        directory.chmod(0o755)
        with (
            postgres(directory / "pg") as url,
            psycopg.connect(
                url.replace("postgresql://vedette@/", "postgresql://vedette@/")
            ) as link,
        ):
            link.execute(
                "create table ep(id int primary key, os text, name text, ip inet, tags text[])"
            )
            with link.cursor().copy("copy ep from stdin") as copy:
                for number, one in enumerate(subjects):
                    told = one.fields
                    row = (number, told["os_name"], told["host_name"], address_of(one))
                    copy.write_row((*row, list(one.labels)))
            for index in ("gist(ip inet_ops)", "gin(tags)", "btree(os)"):
                link.execute(f"create index on ep using {index}")
            link.execute("analyze ep")
            where = [term.postgres for term in groups]

            def count_all() -> int:
                asked = (f"select count(*) from ep where {part}" for part in where)
                rows = (link.execute(query).fetchone() for query in asked)
                return sum(row[0] for row in rows if row is not None)

            def count_one() -> None:
                parts = (f"select {n} from ep where id=77 and {w}" for n, w in enumerate(where))
                link.execute(" union all ".join(parts)).fetchall()

            assert count_all() == memberships
            return _elapsed(count_one, 5), _elapsed(count_all, 1)


def subject(number: int) -> Subject:
    """Make an endpoint."""
    chance = random.Random(number)  # noqa: S311 - no secret comes of it
    fields = {
        "host_name": f"{SITES[number % 10]}-{chance.choice(ROLES)}-{number:07}.corp.example",
        "os": "linux",
        "os_name": chance.choice(SYSTEMS),
        "os_version": "",
        "kernel": "6.1",
        "architecture": "x86_64",
        "addresses": [str(ipaddress.ip_address((10 << 24) | chance.randrange(1 << 24)))],
        "agent_version": "0.1.0",
        "enrolled_with": "office",
    }
    return Subject(fields, labels=tuple(chance.sample(LABELS, 3)))


def group(number: int) -> Term:
    """Make a rule of one of five shapes."""
    chance = random.Random(1000 + number)  # noqa: S311 - no secret comes of it
    systems = _any(_system(name) for name in chance.sample(SYSTEMS, chance.randint(1, 4)))
    name = _name(chance)
    address, label = _network(chance), _label(chance.choice(LABELS))
    return (
        _all(systems, name),
        _any((address, label)),
        _all(systems, _any((label, address))),
        _all(_not(label), name),
        name,
    )[number % 5]


def _system(name: str) -> Term:
    return Term(f'OS Name is "{name}"', f"os='{name}'", f"os='{name}'")


def _name(chance: random.Random) -> Term:
    either = f"({chance.choice(ROLES)}|{chance.choice(ROLES)})"
    pattern = f"{chance.choice(SITES)}-{either}-[0-9]*{chance.randrange(10)}[.].*"
    return Term(
        f'Computer Name matching "{pattern}"',
        f"name regexp '{pattern}'",
        f"name ~ '^{pattern}$'",
    )


def _network(chance: random.Random) -> Term:
    length = chance.choice((12, 14, 16, 20))
    host_bits = 32 - length
    first = ((10 << 24) | chance.randrange(1 << 24)) >> host_bits << host_bits
    network = f"{ipaddress.ip_address(first)}/{length}"
    last = first + (1 << host_bits) - 1
    return Term(
        f'IP Address in cidr "{network}"',
        f"ip between {first} and {last}",
        f"ip <<= '{network}'",
    )


def _label(name: str) -> Term:
    has = f"exists(select 1 from label where e=ep.id and label.name='{name}')"
    return Term(f'Label is "{name}"', has, f"tags @> '{{{name}}}'")


def _any(terms: Any) -> Term:
    return _joined("or", list(terms))


def _all(*terms: Term) -> Term:
    return _joined("and", list(terms))


def _not(term: Term) -> Term:
    return Term(f"not ({term.rule})", f"not ({term.sqlite})", f"not ({term.postgres})")


def _joined(word: str, terms: list[Term]) -> Term:
    def join(parts: list[str]) -> str:
        return f"({f' {word} '.join(parts)})"

    return Term(
        join([term.rule for term in terms]),
        join([term.sqlite for term in terms]),
        join([term.postgres for term in terms]),
    )


def address_of(one: Subject) -> str:
    """Return the one address of an endpoint."""
    return PROPERTIES[ADDRESS].read(one.fields)[0]


def _sqlite_row(number: int, one: Subject) -> tuple[object, ...]:
    value = int(ipaddress.ip_address(address_of(one)))
    return number, one.fields["os_name"], one.fields["host_name"], value


def _labels(subjects: list[Subject]) -> list[tuple[int, str]]:
    return [(number, name) for number, one in enumerate(subjects) for name in one.labels]


def _cpu(act: Callable[[], Any]) -> float:
    began = time.process_time()
    act()
    return time.process_time() - began


def _elapsed(act: Callable[[], Any], rounds: int) -> float:
    taken = []
    for _ in range(rounds):
        began = time.perf_counter()
        act()
        taken.append(time.perf_counter() - began)
    return statistics.median(taken)


if __name__ == "__main__":
    main()
