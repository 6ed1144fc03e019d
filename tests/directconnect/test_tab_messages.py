"""What a browser tab may say, and what it hears."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from directconnect.tab_messages import (
    Cancel,
    Close,
    Fetch,
    Search,
    read_tab_message,
    show_answer,
    show_event,
)
from protocol.events import FileEvent
from protocol.live import EventRow, EventRows, SearchRefused, SearchStanding, SessionOpened

HOSTILE = "<script>alert(1)</script>\n\x1b[31m"


class TestReadTabMessage:
    def test_reads_each_kind(self) -> None:
        texts = [
            '{"type":"search","search_id":1,"expression":"x","follow":false}',
            '{"type":"fetch","search_id":1,"offset":0,"limit":500,"through":9}',
            '{"type":"cancel","search_id":1}',
            '{"type":"close"}',
        ]

        assert [read_tab_message(text) for text in texts] == [
            Search(search_id=1, expression="x", follow=False),
            Fetch(search_id=1, offset=0, limit=500, through=9),
            Cancel(search_id=1),
            Close(),
        ]

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "null",
            "[]",
            '{"type":"format"}',
            '{"type":"fetch","search_id":1,"offset":-1,"limit":1,"through":1}',
            '{"type":"fetch","search_id":1,"offset":0,"limit":501,"through":1}',
            '{"type":"fetch","search_id":9007199254740992,"offset":0,"limit":1,"through":1}',
            '{"type":"close","path":"../../etc/passwd"}',
            '{"type":"search","search_id":1,"expression":"' + "x" * 65_537 + '"}',
            "[" * 100_000,
            " " * 1_000_000,
        ],
    )
    def test_refuses_everything_else(self, text: str) -> None:
        with pytest.raises((msgspec.MsgspecError, ValueError)):
            read_tab_message(text)

    @given(st.text(max_size=200))
    def test_never_fails_in_another_way(self, text: str) -> None:
        with pytest.raises((msgspec.MsgspecError, ValueError)):
            read_tab_message(text)


class TestShowAnswer:
    def test_shows_rows_with_their_events_unchanged(self) -> None:
        event = FileEvent(at=0, process=None, operation="create", path=HOSTILE)

        shown = show_answer(
            EventRows(search_id=1, offset=2, through=3, rows=[EventRow(id=4, event=event)])
        )

        assert shown["rows"][0]["id"] == 4
        assert shown["rows"][0]["event"]["file"]["path"] == HOSTILE

    def test_shows_standing_and_refusal(self) -> None:
        refusal = SearchRefused(search_id=1, reason="no", line=2, column=3, expected=("AND",))

        assert show_answer(SearchStanding(search_id=1, total=5, complete=True)) == {
            "type": "standing",
            "search_id": 1,
            "total": 5,
            "complete": True,
        }
        assert show_answer(refusal)["expected"] == ["AND"]

    def test_shows_an_event_whose_time_cannot_be(self) -> None:
        event = FileEvent(at=2**62, process=None, operation="create", path="/")

        assert show_event(EventRow(1, event))["kind"] == "file"

    def test_refuses_what_is_not_for_tabs(self) -> None:
        opened = SessionOpened(
            session_id="00000000-0000-0000-0000-000000000000",  # type: ignore[arg-type] # unused
            host_name="",
            agent_version="",
        )

        with pytest.raises(ValueError, match="not for tabs"):
            show_answer(opened)
