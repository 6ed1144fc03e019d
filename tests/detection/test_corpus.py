"""Rules, events and expected matches: the corpus in `corpus/`, and how to read it.

Each file holds `signals` (id → text), `events` (id → an event in our own JSON form, or a Sysmon
record) and `expected` (signal id → the ids of the events that it matches, none besides).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from detection.signals.compiler import compile_signal
from detection.signals.direct import matches_directly
from detection.signals.engine import Engine
from detection.signals.sysmon import read_sysmon
from protocol.event_json import event_from_json
from protocol.events import Event

CORPUS = sorted((Path(__file__).parent / "corpus").glob("*.json"))


def read(record: dict[str, Any]) -> Event:
    event = event_from_json(record) if "kind" in record else read_sysmon(record)
    assert event is not None
    return event


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.stem)
def test_corpus_matches_exactly_what_it_says(path: Path) -> None:
    corpus = json.loads(path.read_text(encoding="utf-8"))
    happened = {name: read(record) for name, record in corpus["events"].items()}
    signals = [compile_signal(name, text) for name, text in corpus["signals"].items()]
    engine = Engine(signals)

    found: dict[str, list[str]] = {signal.id: [] for signal in signals}
    for name, event in happened.items():
        for match in engine.evaluate(event):
            found[match.signal_id].append(name)
    direct = {
        signal.id: [n for n, e in happened.items() if matches_directly(signal.expression, e)]
        for signal in signals
    }

    assert found == corpus["expected"]
    assert direct == corpus["expected"]


def test_corpus_is_there() -> None:
    assert CORPUS
