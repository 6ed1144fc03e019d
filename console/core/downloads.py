"""Send files in parts: a download of any length takes little memory, and can be resumed."""

from __future__ import annotations

import asyncio
import http
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import BinaryIO, Final

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils.cache import get_conditional_response

PART_BYTES: Final = 64 * 1024

# One range; several at once are answered as none, as a server may. Nineteen digits are enough.
_RANGE: Final = re.compile(r"bytes=([0-9]{0,19})-([0-9]{0,19})", re.ASCII)


def send_file(request: HttpRequest, path: Path, *, content_type: str, tag: str) -> HttpResponseBase:
    """Answer with a file, with the range of it that was asked for, or that it has not changed.

    `tag` names the content: the same one always means the same bytes. The answer streams in
    programs that serve ASGI only. Raises OSError when the file cannot be opened.
    """
    etag = f'"{tag}"'
    if (unchanged := get_conditional_response(request, etag=etag)) is not None:
        return unchanged
    stream = path.open("rb")
    size = path.stat().st_size
    asked = _asked_range(request, size, etag)
    if asked is not None and not asked:
        stream.close()
        return HttpResponse(
            status=http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE,
            headers={"Content-Range": f"bytes */{size}", "ETag": etag},
        )
    sent = asked or range(size)
    response = StreamingHttpResponse(
        _FilePart(stream, sent),
        content_type=content_type,
        headers={"ETag": etag, "Accept-Ranges": "bytes", "Content-Length": str(len(sent))},
    )
    if asked is not None:
        response.status_code = http.HTTPStatus.PARTIAL_CONTENT
        response.headers["Content-Range"] = f"bytes {sent.start}-{sent.stop - 1}/{size}"
    return response


class _FilePart:
    """Reads a part of an open file, away from the event loop. The answer's end closes it."""

    def __init__(self, stream: BinaryIO, part: range) -> None:
        self._stream = stream
        self._part = part

    async def __aiter__(self) -> AsyncIterator[bytes]:
        await asyncio.to_thread(self._stream.seek, self._part.start)
        left = len(self._part)
        while left > 0:
            content = await asyncio.to_thread(self._stream.read, min(left, PART_BYTES))
            if not content:
                # Somebody cut the file: the peer sees that bytes are missing.
                return
            left -= len(content)
            yield content

    def close(self) -> None:
        self._stream.close()


def _asked_range(request: HttpRequest, size: int, etag: str) -> range | None:
    """Return the bytes that were asked for: None for all, an empty range for none that exist."""
    found = _RANGE.fullmatch(request.headers.get("Range", ""))
    if found is None or request.headers.get("If-Range", etag) != etag:
        return None
    first, last = found.groups()
    if first:
        stop = min(int(last) + 1, size) if last else size
        # Backwards is no range at all; behind the end there are no bytes.
        is_backwards = bool(last) and int(last) < int(first)
        return None if is_backwards else range(min(int(first), size), stop)
    return range(max(size - int(last), 0), size) if last else None
