"""Take the loader program and its input out of the C header that `bpftool gen skeleton -L` prints.

Run by build.sh. Writes `recorder.blob` (both byte strings, one behind the other) and
`recorder.manifest.json` (names of maps and programs in the order of the loader's context, sizes,
and the SHA-256 of the sources and of the blob). Needs nothing but the standard library.
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
from pathlib import Path

SOURCES = ("recorder.bpf.c", "kernel.h")
HERE = Path(__file__).resolve().parent
# What a C string literal may contain: hexadecimal, octal and one-letter escapes, plain bytes.
LITERAL = re.compile(r"\\x([0-9a-fA-F]{2})|\\([0-7]{1,3})|\\(.)|([^\\])", re.DOTALL)
ONE_LETTER = {"n": b"\n", "t": b"\t", "r": b"\r", '"': b'"', "\\": b"\\"}


def unescape(literal: str) -> bytes:
    """Return the bytes that a C string literal stands for."""
    found = bytearray()
    for hexadecimal, octal, letter, plain in LITERAL.findall(literal):
        if hexadecimal:
            found.append(int(hexadecimal, 16))
        elif octal:
            found.append(int(octal, 8))
        elif letter:
            found += ONE_LETTER[letter]
        else:
            found += plain.encode()
    return bytes(found)


def read_part(header: str, name: str) -> bytes:
    """Return the byte string `opts.<name>` of the skeleton's load function."""
    (size,) = map(int, re.findall(rf"opts\.{name}_sz = (\d+)", header))
    opening = f'opts.{name} = (void *)"'
    start = header.index(opening) + len(opening)
    literal = header[start : header.index('";', start)].replace("\\\n", "")
    # The literal ends in a NUL that C adds, and bpftool leaves trailing zeros to it.
    return unescape(literal)[:size].ljust(size, b"\0")


def list_members(header: str, struct: str) -> list[str]:
    """Name the members of this descriptor type, in the order of the loader's context."""
    return re.findall(rf"struct {struct} (\w+);", header)


def describe(header: str, compiler: str) -> tuple[bytes, dict[str, object]]:
    """Return the blob and what the loader must know of it."""
    loader_input, instructions = read_part(header, "data"), read_part(header, "insns")
    blob = loader_input + instructions
    manifest: dict[str, object] = {
        "maps": list_members(header, "bpf_map_desc"),
        "programs": list_members(header, "bpf_prog_desc"),
        "input_bytes": len(loader_input),
        "instruction_bytes": len(instructions),
        "blob_sha256": hashlib.sha256(blob).hexdigest(),
        "sources_sha256": {
            name: hashlib.sha256((HERE / name).read_bytes()).hexdigest() for name in SOURCES
        },
        "compiler": compiler,
    }
    return blob, manifest


def main() -> None:
    """Read the header named first and write into the directory named second."""
    header_path, output, compiler = sys.argv[1:4]
    blob, manifest = describe(Path(header_path).read_text("latin-1"), compiler)
    (Path(output) / "recorder.blob").write_bytes(blob)
    (Path(output) / "recorder.manifest.json").write_text(json.dumps(manifest, indent=2) + "\n")


if __name__ == "__main__":
    main()
