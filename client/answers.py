"""Write an answer: as a table or JSON from its rows, or as a file that the console makes.

Files come from the console, which knows what the programs that open them do with hostile values.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final

from client.connection import Console
from client.exceptions import ClientError
from client.showing import table, visible
from client.streams import Streams

FILES: Final = ("csv", "jsonl", "xlsx", "parquet")
BINARY: Final = frozenset({"xlsx", "parquet"})
FORMATS: Final = ("table", "json", *FILES)

_ROWS_AT_ONCE: Final = 1000
_PAUSE: Final = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What is asked, how long to wait for it in seconds, and how the answer is written.

    Without `text` the answer of a question that was asked before is wanted.
    """

    text: str = ""
    groups: tuple[str, ...] = ()
    lifetime: int = 600
    wait: float = 60.0
    form: str = "table"
    output: Path | None = None
    by_endpoint: bool = False
    raw: bool = False
    unanswered: bool = False


def write_answer(console: Console, question: dict[str, Any], wish: Wish, streams: Streams) -> None:
    """Write the answer of a question where the wish says. Raises `ClientError`."""
    if wish.output is None:
        _write_to(streams.output, console, question, wish, streams)
        return
    try:
        with wish.output.open("wb") as stream:
            _write_to(stream, console, question, wish, streams)
    except OSError as error:
        raise ClientError(f"{wish.output} cannot be written: {error}") from error


def _write_to(
    stream: BinaryIO, console: Console, question: dict[str, Any], wish: Wish, streams: Streams
) -> None:
    if wish.form in FILES:
        address = _exported(console, question, wish, streams)
        console.fetch(address, stream)
    else:
        titles, rows = _rows(console, question, by_endpoint=wish.by_endpoint)
        text = table(titles, list(rows)) if wish.form == "table" else _json(titles, rows)
        stream.write(text.encode("utf-8", "backslashreplace"))
    stream.flush()


def _rows(
    console: Console, question: dict[str, Any], *, by_endpoint: bool
) -> tuple[list[str], Iterator[list[str]]]:
    labels = [column["label"] for column in question["columns"]]
    if by_endpoint:
        found = console.pages(f"questions/{question['id']}/endpoint-rows/", limit=_ROWS_AT_ONCE)
        return _distinct(["Endpoint", *labels, "Count"]), (
            [row["host_name"], *row["values"], str(row["count"])] for row in found
        )
    return _distinct([*labels, "Count"]), (
        [*row["values"], str(row["count"])] for row in _merged_rows(console, question)
    )


def _distinct(titles: list[str]) -> list[str]:
    """Number titles that came before, as the console's files do: an answer may have a Count."""
    made: list[str] = []
    for title in titles:
        number = 1
        while (label := title if number == 1 else f"{title} ({number})") in made:
            number += 1
        made.append(label)
    return made


def _merged_rows(console: Console, question: dict[str, Any]) -> Iterator[dict[str, Any]]:
    offset, total = 0, 1
    while offset < total:
        path = f"questions/{question['id']}/rows/"
        window = console.get(path, offset=offset, limit=_ROWS_AT_ONCE)
        if not window["rows"]:
            return
        yield from window["rows"]
        offset, total = offset + len(window["rows"]), window["total"]


def _json(titles: list[str], rows: Iterator[list[str]]) -> str:
    listed = [dict(zip(titles, [*cells, int(count)], strict=True)) for *cells, count in rows]
    return json.dumps(listed, indent=1, ensure_ascii=False) + "\n"


def _exported(console: Console, question: dict[str, Any], wish: Wish, streams: Streams) -> str:
    view: dict[str, Any] = {"merged": not wish.by_endpoint}
    if wish.raw:
        view["raw"] = True
    path = f"questions/{question['id']}/exports/"
    export = console.post(path, {"format": wish.form, "view": view})
    while export["state"] in {"waiting", "running"}:
        streams.progress(f"{export['rows_done']} of {export['rows_total']} rows written")
        time.sleep(_PAUSE)
        export = console.get(f"{path}{export['id']}/")
    if export["state"] != "done":
        raise ClientError(visible(export["error"]) or f"The export was {export['state']}.")
    return str(export["download_url"])
