"""Check what the documentation promises: links that lead somewhere, files and words that exist."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
CODE = re.compile(r"`([^`\n]+)`")
LAUNCHER_WORD = re.compile(r"\./vedette ([a-z]+)")
PATH = re.compile(r"^(?:[\w.-]+/)+[\w.-]*$")
FOLDERS = "agent client console detection directconnect docs eventstore protocol sensors static"
MORE_FOLDERS = "templates tests threatresponse tools deploy"
PACKAGES = tuple(f"{name}/" for name in f"{FOLDERS} {MORE_FOLDERS}".split())
README_LIMIT = 120


def documents() -> list[Path]:
    """List the tracked and the new Markdown files."""
    listing = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"],  # noqa: S607
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    return [ROOT / line for line in listing.splitlines()]


def launcher_words() -> set[str]:
    """Read the words that `./vedette` knows from its own help."""
    text = (ROOT / "vedette").read_text(encoding="utf-8")
    return set(re.findall(r"^  ([a-z]+)  +\S", text, flags=re.MULTILINE))


def problems(document: Path, words: set[str]) -> Iterator[str]:
    """Name every promise of one document that is not kept."""
    text = document.read_text(encoding="utf-8")
    for target in LINK.findall(text):
        path = target.partition("#")[0]
        if path and "://" not in target and not (document.parent / path).exists():
            yield f"link to {target}, which does not exist"
    for word in LAUNCHER_WORD.findall(text):
        if word not in words:
            yield f"./vedette {word}, a word that the launcher does not know"
    for code in CODE.findall(text):
        if PATH.match(code) and code.startswith(PACKAGES) and not (ROOT / code).exists():
            yield f"`{code}`, which does not exist"


def main() -> int:
    """Print every broken promise; return 1 when there is one."""
    words = launcher_words()
    found = [
        f"{document.relative_to(ROOT)}: {problem}"
        for document in documents()
        for problem in problems(document, words)
    ]
    lines = len((ROOT / "README.md").read_text(encoding="utf-8").splitlines())
    if lines > README_LIMIT:
        found.append(f"README.md: {lines} lines, at most {README_LIMIT}")
    sys.stdout.write("".join(f"{line}\n" for line in found))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
