"""The threat model names its proofs: each of them must be there."""

from __future__ import annotations

import re

from tests.conftest import REPOSITORY

DOCUMENT = (REPOSITORY / "docs" / "threat-model.md").read_text(encoding="utf-8")


def test_every_proof_is_a_file() -> None:
    proofs = set(re.findall(r"`(tests/[^`]+)`", DOCUMENT))

    assert proofs
    assert [proof for proof in sorted(proofs) if not (REPOSITORY / proof).is_file()] == []


def test_every_defence_names_its_proof() -> None:
    section = DOCUMENT.split("## What we defend against")[1].split("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("|")][2:]

    assert rows
    assert [row for row in rows if "`tests/" not in row.split("|")[3]] == []
