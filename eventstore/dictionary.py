"""Give every text of a segment a number, so that it is stored once."""

from __future__ import annotations

from detection.signals.expression import fold
from eventstore.schema import EMPTY_TEXT

StringRow = tuple[int, str, str | None]


class Dictionary(dict[str | None, int | None]):
    """Maps a text to its `string.id`; a text it does not know gets the next number.

    New texts wait in `fresh` as rows of the table until the writer has committed them. Looking up
    is a plain dictionary access: this runs about ten times for each event.
    """

    def __init__(self, next_id: int) -> None:
        super().__init__()
        self.next_id = next_id
        self.fresh: list[StringRow] = []
        self.forget()

    def forget(self) -> None:
        """Start a segment: nothing that was stored before may be referred to."""
        self.clear()
        self[None] = None
        self[""] = EMPTY_TEXT

    def __missing__(self, text: str | None) -> int:
        """Number a text that this segment did not hold yet."""
        assert text is not None  # noqa: S101 -- `forget` put None in
        number = self.next_id
        self.next_id += 1
        self[text] = number
        self.fresh.append((number, *_storable(text)))
        return number


def well_formed(text: str) -> str:
    r"""Show code points that UTF-8 cannot hold (lone surrogates) as `\\uXXXX`."""
    return text.encode("utf-8", "backslashreplace").decode()


def _storable(text: str) -> tuple[str, str | None]:
    """Return the text as it is stored, and folded where SQLite's `lower` cannot."""
    if text.isascii() and "\0" not in text:
        return text, None
    text = well_formed(text)
    return text, fold(text)
