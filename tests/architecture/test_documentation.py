"""The documentation names what exists."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools import check_docs


def test_every_document_keeps_its_promises(capsys: pytest.CaptureFixture[str]) -> None:
    assert check_docs.main() == 0, capsys.readouterr().out


@pytest.mark.parametrize(
    "text",
    [
        "agent.engine evaluates",
        "`agent.recorder.source.Well`",
        "[nowhere](nowhere.md)",
        "`agent/nowhere.py`",
        "./vedette dance",
    ],
)
def test_a_promise_that_is_not_kept_is_found(tmp_path: Path, text: str) -> None:
    document = tmp_path / "document.md"
    document.write_text(text)

    assert len(list(check_docs.problems(document, {"up"}))) == 1


@pytest.mark.parametrize(
    "text",
    [
        "agent.recorder ─► eventstore.writer",
        "`agent.recorder.source.Source`, and `console.settings`.",
        "https://console.example/ and `directconnect.open_session`",
        "./vedette up",
    ],
)
def test_what_exists_is_let_pass(tmp_path: Path, text: str) -> None:
    document = tmp_path / "document.md"
    document.write_text(text)

    assert list(check_docs.problems(document, {"up"})) == []
