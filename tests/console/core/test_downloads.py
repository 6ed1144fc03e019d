"""Files go out in parts, whole or by range, and are closed whatever becomes of the answer."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.core import signals
from django.db import close_old_connections
from django.http import StreamingHttpResponse
from django.test import RequestFactory

from console.core.downloads import PART_BYTES, send_file

CONTENT = bytes(range(256)) * (PART_BYTES // 128)
SIZE = len(CONTENT)


@pytest.fixture(autouse=True)
def no_database() -> Iterator[None]:
    # The end of an answer closes connections, and there are none here.
    signals.request_finished.disconnect(close_old_connections)
    yield
    signals.request_finished.connect(close_old_connections)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "file"
    file.write_bytes(CONTENT)
    return file


def answer_to(path: Path, **headers: str) -> Any:
    """Ask for the file with these headers."""
    request = RequestFactory().get("/", headers=headers)
    return send_file(request, path, content_type="application/gzip", tag="abc")


def parts_of(response: Any) -> list[bytes]:
    """Read what a streaming answer sends, and end it as the server does."""
    assert isinstance(response, StreamingHttpResponse)

    async def read() -> list[bytes]:
        return [part async for part in response]

    parts = async_to_sync(read)()
    response.close()
    return parts


class TestWholeFile:
    def test_comes_in_parts(self, path: Path) -> None:
        response = answer_to(path)

        parts = parts_of(response)
        assert b"".join(parts) == CONTENT
        assert max(map(len, parts)) == PART_BYTES
        assert (response.status_code, response["ETag"]) == (200, '"abc"')
        assert response["Content-Length"] == str(SIZE)

    def test_is_not_sent_to_who_has_it(self, path: Path) -> None:
        response = answer_to(path, **{"If-None-Match": '"abc"'})

        assert (response.status_code, response.content) == (304, b"")

    def test_is_closed_though_nobody_read_it(
        self, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        stream = path.open("rb")
        monkeypatch.setattr(Path, "open", lambda _path, _mode: stream)

        answer_to(path).close()

        assert stream.closed

    def test_ends_early_when_somebody_cut_it(self, path: Path) -> None:
        response = answer_to(path)
        path.write_bytes(CONTENT[:10])

        assert b"".join(parts_of(response)) == CONTENT[:10]

    def test_that_is_not_there_is_an_error(self, tmp_path: Path) -> None:
        with pytest.raises(FileNotFoundError):
            answer_to(tmp_path / "missing")


class TestRange:
    @pytest.mark.parametrize(
        ("asked", "start", "stop"),
        [
            ("bytes=0-0", 0, 1),
            ("bytes=10-19", 10, 20),
            (f"bytes={SIZE - 5}-", SIZE - 5, SIZE),
            ("bytes=-5", SIZE - 5, SIZE),
            (f"bytes=0-{SIZE * 2}", 0, SIZE),
            (f"bytes=-{SIZE * 2}", 0, SIZE),
        ],
    )
    def test_is_sent_as_asked(self, path: Path, asked: str, start: int, stop: int) -> None:
        response = answer_to(path, Range=asked)

        assert b"".join(parts_of(response)) == CONTENT[start:stop]
        assert response.status_code == 206
        assert response["Content-Range"] == f"bytes {start}-{stop - 1}/{SIZE}"
        assert response["Content-Length"] == str(stop - start)

    @pytest.mark.parametrize(
        "asked",
        ["bytes=-", "bytes=9-3", "bytes=0-1,5-6", "lines=0-1", "bytes=a-b", f"bytes={'9' * 50}-"],
    )
    def test_that_is_none_brings_the_whole_file(self, path: Path, asked: str) -> None:
        response = answer_to(path, Range=asked)

        assert response.status_code == 200
        assert b"".join(parts_of(response)) == CONTENT

    @pytest.mark.parametrize(
        "asked", [f"bytes={SIZE}-", "bytes=-0", f"bytes={SIZE + 7}-{SIZE + 9}"]
    )
    def test_behind_the_end_is_refused(self, path: Path, asked: str) -> None:
        response = answer_to(path, Range=asked)

        assert response.status_code == 416
        assert response["Content-Range"] == f"bytes */{SIZE}"

    def test_of_another_content_brings_the_whole_file(self, path: Path) -> None:
        response = answer_to(path, Range="bytes=5-", **{"If-Range": '"older"'})

        assert response.status_code == 200
        assert b"".join(parts_of(response)) == CONTENT
