"""On public rules and logs the engine finds exactly what two other engines found.

The folder and how to read it: `SOURCES.md` beside the data. Where the rule text itself says
something else than the Sigma rule that it was made from, docs/signals.md explains the class and
the tests here name every single case.
"""

from __future__ import annotations

import gzip
import json
import tarfile
import zipfile
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from detection.exceptions import SignalError, SignalSyntaxError, TooManyTerms
from detection.signals.compiler import CompiledSignal, compile_signal
from detection.signals.engine import Engine
from detection.signals.parser import parse_expression
from detection.signals.spelling import to_text
from detection.signals.sysmon import read_sysmon, record_id_of

Entry: TypeAlias = dict[str, Any]


@pytest.fixture(scope="module")
def entries(shared_data: Path) -> list[Entry]:
    """Return every derived Signal that uses only known properties and is no known quirk."""
    quirks = json.loads((shared_data / "signals" / "known_quirks.json").read_bytes())
    derived = json.loads((shared_data / "signals" / "signals_from_sigma.json").read_bytes())
    return [e for e in derived if not e["unmapped"] and e["sigma_id"] not in quirks]


def compiled(entries: list[Entry], product: str) -> list[CompiledSignal]:
    return [
        compile_signal(e["sigma_id"], e["text"], term_limit=None, platforms=e["platforms"])
        for e in entries
        if e["product"] == product
    ]


class TestDerivedSignals:
    def test_all_parse_and_read_back(self, entries: list[Entry]) -> None:
        for entry in entries:
            expression = parse_expression(entry["text"])

            assert parse_expression(to_text(expression)) == expression

    def test_are_refused_above_the_limit_and_only_there(self, entries: list[Entry]) -> None:
        refused = set()
        for entry in entries:
            try:
                compile_signal(entry["sigma_id"], entry["text"], platforms=entry["platforms"])
            except TooManyTerms:
                refused.add(entry["sigma_id"])

        assert refused == {e["sigma_id"] for e in entries if e["terms"] > 24}

    def test_that_are_quirks_are_refused_or_not_there(self, shared_data: Path) -> None:
        quirks = json.loads((shared_data / "signals" / "known_quirks.json").read_bytes())
        derived = json.loads((shared_data / "signals" / "signals_from_sigma.json").read_bytes())

        for entry in derived:
            if entry["sigma_id"] in quirks:
                with pytest.raises(SignalSyntaxError, match="cannot stand here"):
                    parse_expression(entry["text"])

    def test_of_unknown_properties_are_refused(self, shared_data: Path) -> None:
        derived = json.loads((shared_data / "signals" / "signals_from_sigma.json").read_bytes())

        for entry in derived:
            if entry["unmapped"]:
                with pytest.raises(SignalError) as caught:
                    parse_expression(entry["text"])
                assert caught.value.column >= 1


class TestLinuxEvents:
    def test_of_recorded_commands_match_exactly(
        self, shared_data: Path, entries: list[Entry]
    ) -> None:
        folder = shared_data / "linux-events" / "atomic"
        signals = compiled(entries, "linux")
        expected: dict[str, set[str]] = defaultdict(set)
        for case in json.loads((folder / "cases.json").read_bytes()):
            expected[case["test"]] |= {rule for rule, _ in case["expected_rules"]}
        found: dict[str, set[str]] = defaultdict(set)
        engine = Engine(signals)
        for line in (folder / "events.jsonl").read_bytes().splitlines():
            record = json.loads(line)
            found[record["test"]] |= _matches(engine, record)

        ours = {signal.id for signal in signals}
        assert found == {test: expected[test] & ours for test in found}
        assert sum(map(len, found.values())) > 40
        assert not any(rules & ours for test, rules in expected.items() if test not in found)

    def test_of_sysmon_for_linux_match_exactly(
        self, shared_data: Path, entries: list[Entry]
    ) -> None:
        folder = shared_data / "linux-events" / "otrf"
        hits = json.loads((folder / "expected_matches.json").read_bytes())
        engine = Engine(compiled(entries, "linux"))

        found = {
            (record_id_of(record), rule)
            for line in (folder / "log4shell_sysmon_linux.jsonl").read_bytes().splitlines()
            for record in [json.loads(line)]
            for rule in _matches(engine, record)
        }

        assert found == {(hit["record_id"], hit["rule_id"]) for hit in hits}


class TestWindowsEvents:
    @pytest.mark.parametrize("source", ["evtx-attack-samples", "evtx-to-mitre-attack"])
    def test_of_event_logs_match_exactly(
        self, shared_data: Path, entries: list[Entry], source: str
    ) -> None:
        folder = shared_data / "windows-events" / source
        signals = compiled(entries, "windows")
        ours = {signal.id for signal in signals}
        hits = json.loads((folder / "expected_matches.json").read_bytes())
        engine = Engine(signals)

        found = set()
        with gzip.open(folder / "events.jsonl.gz") as lines:
            for line in lines:
                record = json.loads(line)
                for rule in _matches(engine, record):
                    found.add((record["file"], record_id_of(record), rule))

        assert found == {
            (hit["file"], hit["record_id"], hit["rule_id"])
            for hit in hits
            if hit["rule_id"] in ours
        }

    @pytest.mark.slow
    def test_of_flat_records_differ_only_by_what_the_text_lost(
        self, shared_data: Path, entries: list[Entry]
    ) -> None:
        folder = shared_data / "windows-events" / "otrf"
        signals = compiled(entries, "windows")
        ours = {signal.id for signal in signals}
        category = {entry["sigma_id"]: entry["category"] for entry in entries}
        engine = Engine(signals)

        missing: set[tuple[str, int, str]] = set()
        surplus: set[tuple[str, int]] = set()
        expectations = json.loads((folder / "expected_matches.json").read_bytes())
        for member, expectation in expectations.items():
            expected = {(hit["line"], hit["rule_id"]) for hit in expectation["hits"]}
            found = set()
            for number, record in _records(folder, member):
                for rule in _matches(engine, record):
                    found.add((number, rule))
                    if (number, rule) not in expected:
                        surplus.add((category[rule], record["EventID"]))
            missing |= {(member, *hit) for hit in expected - found if hit[1] in ours}

        assert missing == set()
        # The text no longer says that a file was created (23 is a deletion), and a file rule that
        # names nothing but its process has become a rule about the process's start (1).
        assert surplus == {("file_event", 23), ("file_event", 1)}


def _matches(engine: Engine, record: Entry) -> set[str]:
    event = read_sysmon(record)
    return {match.signal_id for match in engine.evaluate(event)} if event else set()


def _records(folder: Path, member: str) -> Iterator[tuple[int, Entry]]:
    """Yield (line from 1, record) of one member of an archive; what is no record is left out."""
    archive, name = member.split("::")
    for number, line in enumerate(_lines(folder / archive, name), 1):
        try:
            record = json.loads(line)
        except json.JSONDecodeError:
            continue
        if isinstance(record, dict) and "EventID" in record:
            yield number, record


def _lines(archive: Path, name: str) -> Iterator[bytes]:
    if archive.suffix == ".zip":
        with zipfile.ZipFile(archive) as packed, packed.open(name) as lines:
            yield from lines
        return
    with tarfile.open(archive) as tar:
        for entry in tar.getmembers():
            if entry.name.endswith(name) and (content := tar.extractfile(entry)):
                yield from content
