"""Totals, windows and arrivals of a search."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from detection.exceptions import SignalError
from eventstore import writer as writer_module
from eventstore.exceptions import NotSearchable, SearchCancelled
from eventstore.matches import Matches
from eventstore.search import EventSearch, search_from_text
from eventstore.store import EventStore
from protocol.events import FileEvent, ProcessExited, ProcessStarted
from tests.eventstore.samples import START, file_event, file_events, process


@pytest.fixture
def small_segments(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a segment hold ten events."""
    monkeypatch.setattr(writer_module, "SEGMENT_EVENTS", 10)


class TestSearchFromText:
    def test_reads_the_signal_language(self) -> None:
        assert search_from_text("file.path contains 'x'") is not None

    def test_takes_blank_for_everything(self) -> None:
        assert search_from_text(" \n") is None

    def test_refuses_with_the_place(self) -> None:
        with pytest.raises(SignalError) as refusal:
            search_from_text("file.path contains")

        assert refusal.value.line == 1


@pytest.mark.usefixtures("small_segments")
class TestEventSearch:
    @pytest.mark.parametrize("text", ["", "file.path contains 'file'"])
    def test_shows_the_newest_first(self, store: EventStore, text: str) -> None:
        store.append(file_events(25))
        with EventSearch(store, search_from_text(text)) as search:
            search.run()

            assert search.total == 25
            assert [row.id for row in search.rows(0, 3)] == [25, 24, 23]
            assert [row.id for row in search.rows(14, 3)] == [11, 10, 9]
            assert [row.id for row in search.rows(23, 10)] == [2, 1]
            assert search.rows(25, 10) == []

    def test_works_in_steps(self, store: EventStore) -> None:
        store.append(file_events(25))
        with EventSearch(store, search_from_text("file.name ends with '.log'")) as search:
            assert not search.complete
            totals = []
            while not search.complete:
                search.step(5)
                totals.append(search.total)

            assert totals == [5, 15, 25]
            assert search.step()

    def test_stops_at_the_deadline(self, store: EventStore) -> None:
        store.append(file_events(25))
        with EventSearch(store, search_from_text("file.name is not null")) as search:
            search.step(1)
            assert not search.run(seconds=-1)
            assert search.run()

    @pytest.mark.parametrize("text", ["", "file.path contains 'file'"])
    def test_adds_what_arrives_without_shifting_known_rows(
        self, store: EventStore, text: str
    ) -> None:
        store.append(file_events(15))
        with EventSearch(store, search_from_text(text)) as search:
            search.run()
            assert not search.refresh()

            store.append(file_events(4))
            assert search.refresh()
            store.append(file_events(8))
            assert search.refresh()

            assert search.total == 27
            assert [row.id for row in search.rows(0, 2, through=15)] == [15, 14]
            assert [row.id for row in search.rows(0, 2, through=19)] == [19, 18]
            assert [row.id for row in search.rows(17, 5, through=19)] == [2, 1]
            assert [row.id for row in search.rows(0, 2)] == [27, 26]

    def test_keeps_positions_known_before_it_was_complete(self, store: EventStore) -> None:
        store.append(file_events(25))
        with EventSearch(store, search_from_text("file.path contains 'file'")) as search:
            search.step(1)
            known = search.total
            store.append(file_events(5))
            assert not search.refresh()
            search.run()
            search.refresh()

            assert [row.id for row in search.rows(0, 2, through=known)] == [25, 24]
            assert search.total == 30

    def test_reports_nothing_when_nothing_new_matches(self, store: EventStore) -> None:
        store.append(file_events(3))
        with EventSearch(store, search_from_text("file.path contains 'other'")) as search:
            search.run()
            store.append(file_events(3))

            assert not search.refresh()
            store.append([file_event(1, path="/the/other")])
            assert search.refresh()
            assert search.total == 1

    def test_stops_when_cancelled_from_another_thread(self, store: EventStore) -> None:
        store.append(file_events(2_000))
        pattern = search_from_text("file.path matches '.*[0-9]+.*'")
        with EventSearch(store, pattern) as search, ThreadPoolExecutor(1) as pool:
            running = pool.submit(search.run)
            search.cancel()

            with pytest.raises(SearchCancelled):
                running.result()

    def test_sees_nothing_in_an_empty_store(self, store: EventStore) -> None:
        with EventSearch(store) as search:
            assert search.complete
            store.append(file_events(3))
            assert search.refresh()
            assert [row.id for row in search.rows(0, 10)] == [3, 2, 1]

    def test_leaves_out_what_was_pruned_meanwhile(self, store: EventStore) -> None:
        store.append(file_events(25))
        with EventSearch(store) as search:
            search.run()
            while store.prune(max_bytes=0).more:
                pass

            assert search.rows(0, 25) == []
            assert not search.refresh()

    def test_begins_after_what_was_pruned(self, store: EventStore) -> None:
        store.append(file_events(25))
        while store.prune(max_bytes=0).more:
            pass
        store.append(file_events(3))
        with EventSearch(store) as search:
            search.run()

            assert search.total == 3


class TestMatches:
    def test_joins_neighbouring_ranges(self) -> None:
        matches = Matches()
        matches.add_newer(1, range(3))
        matches.add_newer(1, range(3, 5))
        matches.add_newer(11, [2, 7])
        matches.add_newer(11, [9])
        matches.add_older(1, [])
        matches.add_newer(21, [])

        assert matches.total == 8
        assert matches.newest(0, 8) == [20, 18, 13, 5, 4, 3, 2, 1]
        assert matches.newest(2, 2) == [13, 5]
        assert matches.newest(3, 0) == []


class TestKinds:
    def test_leave_only_events_of_these_kinds(self, store: EventStore) -> None:
        begun = ProcessStarted(at=START, process=process())
        ended = ProcessExited(at=START + 2, process=begun.process)
        store.append([begun, file_event(1, begun.process), ended])

        with EventSearch(store, kinds=("process", "exit")) as search:
            search.run()
            found = [row.event for row in search.rows(0, 100)]

        assert [type(event) for event in found] == [ProcessExited, ProcessStarted]

    def test_narrow_an_expression(self, store: EventStore) -> None:
        begun = ProcessStarted(at=START, process=process())
        store.append([begun, file_event(1, begun.process), file_event(2, process(2))])
        expression = search_from_text("process.path ends with 'tool1'")

        with EventSearch(store, expression, kinds=("file",)) as search:
            search.run()
            found = [row.event for row in search.rows(0, 100)]

        assert [event.path for event in found if isinstance(event, FileEvent)] == [
            "/var/log/file1.log"
        ]

    def test_that_do_not_exist_are_refused(self, store: EventStore) -> None:
        with pytest.raises(NotSearchable, match="'fax' is none of process"):
            EventSearch(store, kinds=("fax",))
