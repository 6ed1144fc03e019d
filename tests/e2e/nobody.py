"""A user without any rights, who has a clone of this tree and can reach the interpreter."""

from __future__ import annotations

import os
import pwd
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.conftest import REPOSITORY

# In a mount namespace of its own: folders that stand in one which only root may enter (an
# interpreter in root's home, say) are shown again where they are, in an otherwise empty one.
_SHOW_AGAIN = """
set -eu
closed=$1; shift
while [ "$1" != -- ]; do
    kept=$(mktemp -d)
    mount --bind "$1" "$kept"
    shown="${shown:-} $kept:$1"
    shift
done
shift
if [ -n "$closed" ]; then
    mount -t tmpfs -o mode=755 tmpfs "$closed"
    for pair in $shown; do
        mkdir -p "${pair#*:}"
        mount --bind "${pair%%:*}" "${pair#*:}"
        umount "${pair%%:*}" && rmdir "${pair%%:*}"
    done
fi
exec setpriv --reuid=nobody --regid=nogroup --clear-groups --inh-caps=-all --bounding-set=-all "$@"
"""


def clone_for_nobody(folder: Path) -> Path:
    """Copy what git knows of this tree into `folder`, as a user's clone; it shares our `.venv`."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=REPOSITORY,
        capture_output=True,
        check=True,
    ).stdout
    there = b"\0".join(
        name for name in listed.split(b"\0") if (REPOSITORY / os.fsdecode(name)).is_file()
    )
    tree = folder / "vedette"
    tree.mkdir()
    packed = subprocess.run(
        ["tar", "--create", "--null", "--files-from", "-"],
        cwd=REPOSITORY,
        input=there,
        capture_output=True,
        check=True,
    ).stdout
    subprocess.run(["tar", "--extract", "--directory", tree], input=packed, check=True)
    (tree / ".venv").symlink_to(REPOSITORY / ".venv")
    nobody = pwd.getpwnam("nobody")
    for path in [folder, tree, *tree.rglob("*")]:
        os.chown(path, nobody.pw_uid, nobody.pw_gid, follow_symlinks=False)
    return tree


def as_nobody(*words: str) -> list[str]:
    """Spell a command that runs as nobody; it takes the place of the first process."""
    needed = [Path(sys.base_prefix), REPOSITORY / ".venv"]
    closed = {folder for path in needed if (folder := _first_closed(path))}
    assert len(closed) <= 1, f"nobody can enter none of {closed}"
    hidden = [str(path) for path in needed if _first_closed(path)]
    emptied = str(closed.pop()) if closed else ""
    return [
        "unshare",
        "--mount",
        "--propagation=private",
        "/bin/sh",
        "-c",
        _SHOW_AGAIN,
        "sh",
        emptied,
        *hidden,
        "--",
        *words,
    ]


def _first_closed(path: Path) -> Path | None:
    """Find the topmost folder on the way to this one that others may not enter."""
    on_the_way: Sequence[Path] = [*reversed(path.resolve().parents), path.resolve()]
    return next((folder for folder in on_the_way if not folder.stat().st_mode & 0o001), None)
