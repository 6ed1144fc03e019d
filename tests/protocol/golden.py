"""The golden files: what every message looked like on the wire when it was first shipped.

`python -m tests.protocol.golden` writes the files that are missing and touches no other one. A
file is history: an agent in the field still sends those bytes. When a struct gets a new field its
file stays as it is, and the field's default must read it.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from protocol import codec
from tests.protocol import samples

FOLDER = Path(__file__).parent / "golden"

DIALECTS: dict[str, codec.Dialect[Any]] = {
    "up": codec.UPWARD,
    "down": codec.DOWNWARD,
    "live-up": codec.LIVE_UPWARD,
    "live-down": codec.LIVE_DOWNWARD,
    "instruction": codec.INSTRUCTION,
    "events": codec.EVENTS,
}


def examples() -> Iterator[tuple[str, str, Any]]:
    """Give (file name, dialect, content) of everything that has a golden file."""
    groups = (
        ("up", samples.UP),
        ("down", samples.DOWN),
        ("live-up", samples.LIVE_UP),
        ("live-down", samples.LIVE_DOWN),
        ("instruction", samples.INSTRUCTIONS),
    )
    for dialect, group in groups:
        for sample in group:
            yield f"{samples.tag_of(sample)}.json", dialect, sample
    for event in samples.EVENTS:
        yield f"event.{samples.tag_of(event)}.json", "events", [event]


def fields_of(content: Any) -> Any:
    """Show content as JSON does, for comparison with a file."""
    return json.loads(msgspec.json.encode(content))


def write_missing(folder: Path) -> list[str]:
    """Write the golden files that are not there yet and give their names."""
    written = []
    for name, dialect, content in examples():
        path = folder / name
        if path.exists():
            continue
        golden = {
            "dialect": dialect,
            "fields": fields_of(content),
            "encoded": DIALECTS[dialect].encode(content).hex(),
        }
        path.write_text(json.dumps(golden, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        written.append(name)
    return written


if __name__ == "__main__":
    sys.stdout.writelines(f"{name}\n" for name in write_missing(FOLDER))
