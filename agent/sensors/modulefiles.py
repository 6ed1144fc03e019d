"""The files of kernel modules: where they are, and whether they are signed.

Format of the signature's end: linux/module_signature.h; kernels append it to the module before it
is compressed.
"""

from __future__ import annotations

import gzip
import lzma
import platform
import zlib
from pathlib import Path
from typing import BinaryIO, Final, cast

import zstandard

from agent.sensors.reading import text_at

_MARK: Final = b"~Module signature appended~\n"
_LIST_BYTES: Final = 16 * 1024 * 1024
_PIECE_BYTES: Final = 256 * 1024
# No module is larger; a compressed file may pretend to be.
_LARGEST_BYTES: Final = 256 * 1024 * 1024


class ModuleFiles:
    """The modules of the running kernel's release under a root."""

    def __init__(self, root: Path, release: str = "") -> None:
        self.root = root
        self._folder = root / "lib/modules" / (release or platform.release())
        self._paths: dict[str, Path] = {}
        for line in text_at(self._folder / "modules.dep", _LIST_BYTES).splitlines():
            place = Path(line.partition(":")[0])
            name = place.name.partition(".ko")[0].replace("-", "_")
            self._paths[name] = self._folder / place

    def find(self, module: str) -> Path | None:
        """Return a module's file; None when the release's list has none."""
        path = self._paths.get(module.replace("-", "_"))
        return path if path is not None and path.is_file() else None

    def is_signed(self, path: Path) -> bool:
        """Tell whether a module's file ends with a signature; who made it is not checked."""
        try:
            with _opened(path) as file:
                return _ends_with_mark(file)
        except (OSError, EOFError, lzma.LZMAError, zlib.error, zstandard.ZstdError):
            # No module that the kernel could load either.
            return False


def _opened(path: Path) -> BinaryIO:
    match path.suffix:
        case ".xz":
            return cast(BinaryIO, lzma.open(path))
        case ".gz":
            return cast(BinaryIO, gzip.open(path))
        case ".zst":
            return cast(BinaryIO, zstandard.open(path, "rb"))
        case _:
            return path.open("rb")


def _ends_with_mark(file: BinaryIO) -> bool:
    tail, read = b"", 0
    while read < _LARGEST_BYTES and (piece := file.read(_PIECE_BYTES)):
        tail = (tail + piece)[-len(_MARK) :]
        read += len(piece)
    return tail == _MARK
