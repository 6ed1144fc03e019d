"""Check what the documentation promises: links, files, words and modules that exist."""

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
# Modules and what stands in them, wherever they are named: `agent.recorder.source.Source`.
NAME = re.compile(
    r"(?<![\w./-])"
    r"((?:agent|benchmarks|client|console|detection|directconnect|eventstore|protocol|sensors|tests"
    r"|threatresponse)(?:\.[A-Za-z_]\w*)+)"
    r"(?![\w/(-]|\.\w)"
)
# Names with a dot that name no module: hosts of examples, files, and permissions.
NO_MODULE = re.compile(
    r".*\.(?:example|py|md|db|pem|key|sqlite3|log|service|token)$|directconnect\.\w+_session$"
)
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


def is_known(name: str) -> bool:
    """Tell whether a dotted name is a module or package here, or stands in one."""
    place = ROOT
    words = name.split(".")
    while words and (place / words[0]).is_dir():
        place /= words.pop(0)
    if words and (place / f"{words[0]}.py").is_file():
        place /= f"{words.pop(0)}.py"
    source = place / "__init__.py" if place.is_dir() else place
    if not words:
        return source.is_file() or place.is_dir()
    text = source.read_text(encoding="utf-8") if source.is_file() else ""
    return all(re.search(rf"\b{word}\b", text) for word in words)


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
    for name in NAME.findall(text):
        if not NO_MODULE.match(name) and not is_known(name):
            yield f"{name}, which is no module and stands in none"


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
