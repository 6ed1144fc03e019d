"""Bring front-end code of others into `static/vendor/`: bundled, minified, licensed, hashed.

A maintainer runs it when a version in `tools/frontend/package.json` changes; nobody needs npm to
run or to test Vedette. `vendor.lock` names every package inside with its version and licence, and
the SHA-256 of every file, which a test compares.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "tools" / "frontend"
TARGET = ROOT / "static" / "vendor"
BUNDLES = {"codemirror": "CodeMirror", "slickgrid": "Slick", "echarts": "Charts"}
STYLES = {"slickgrid": "node_modules/slickgrid/dist/styles/css/slick.grid.css"}


def _run(*command: str, cwd: Path) -> str:
    return subprocess.run(  # noqa: S603 - our own commands
        command, cwd=cwd, check=True, capture_output=True, text=True
    ).stdout


def _bundle(work: Path, name: str, global_name: str) -> set[str]:
    """Bundle one entry file; return the names of the packages inside."""
    meta = work / f"{name}.meta.json"
    esbuild = str(work / "node_modules" / ".bin" / "esbuild")
    options = ["--bundle", "--minify", "--format=iife", "--target=es2020", "--legal-comments=eof"]
    _run(
        *(esbuild, f"{name}.js", *options, f"--global-name={global_name}"),
        *(f"--outfile={TARGET / f'{name}.min.js'}", f"--metafile={meta}"),
        cwd=work,
    )
    if style := STYLES.get(name):
        css = str(TARGET / f"{name}.min.css")
        _run(esbuild, style, "--minify", "--loader:.svg=dataurl", f"--outfile={css}", cwd=work)
    inputs = json.loads(meta.read_text(encoding="utf-8"))["inputs"]
    return {_package_of(path) for path in inputs if path.startswith("node_modules/")}


def _package_of(path: str) -> str:
    parts = path.removeprefix("node_modules/").split("/")
    return "/".join(parts[:2]) if parts[0].startswith("@") else parts[0]


def _licences(work: Path, packages: set[str]) -> list[dict[str, str]]:
    """Copy the licence texts; return one entry per package."""
    entries = []
    for package in sorted(packages):
        folder = work / "node_modules" / package
        manifest = json.loads((folder / "package.json").read_text(encoding="utf-8"))
        text = next(path for path in folder.iterdir() if path.name.lower().startswith("licen"))
        name = f"{package.replace('@', '').replace('/', '-')}.txt"
        shutil.copyfile(text, TARGET / "licences" / name)
        # Whoever passes on what is under the Apache licence passes this on, too.
        if (notice := folder / "NOTICE").is_file():
            shutil.copyfile(notice, TARGET / "licences" / f"notice-{name}")
        entries.append(
            {"name": package, "version": manifest["version"], "licence": manifest["license"]}
        )
    return entries


def main() -> int:
    """Rebuild the whole folder."""
    shutil.rmtree(TARGET, ignore_errors=True)
    (TARGET / "licences").mkdir(parents=True)
    with tempfile.TemporaryDirectory() as temporary:
        work = Path(temporary) / "frontend"
        shutil.copytree(SOURCE, work, ignore=shutil.ignore_patterns("node_modules"))
        _run("npm", "install", "--no-audit", "--no-fund", "--silent", cwd=work)
        packages: set[str] = set()
        for name, global_name in BUNDLES.items():
            packages |= _bundle(work, name, global_name)
        entries = _licences(work, packages)
    files = {
        str(path.relative_to(TARGET)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(TARGET.rglob("*"))
        if path.is_file()
    }
    lock = json.dumps({"packages": entries, "files": files}, indent=2)
    (TARGET / "vendor.lock").write_text(lock + "\n", encoding="utf-8")
    sys.stdout.write(f"{len(files)} files of {len(entries)} packages in {TARGET}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
