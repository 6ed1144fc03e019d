"""Look at files, and look for files."""

from __future__ import annotations

import heapq
import itertools
import os
import stat
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from agent.recorder.hashing import Hashes, hash_descriptor
from agent.sensors.context import Row, SensorContext, SensorFunction
from agent.sensors.exceptions import SensorFailed
from agent.sensors.filefacts import (
    FIRST_BYTES,
    Owners,
    attributes_of,
    created_at,
    kind_of,
    permissions_of,
)
from agent.sensors.filewalk import FileWalk, Found, entries_in
from agent.sensors.packages import owners_of
from agent.sensors.patterns import expression
from agent.sensors.processes import wanted_hashes
from agent.sensors.values import boolean_text, instant_text_of_seconds, shown_value
from detection.signals.patterns import escape_pattern

_LARGEST_HASHED: Final = 256 * 1024 * 1024
_LOOKED_AT: Final = 500_000
# To sort, to name owners and to answer before the end of the time that the sensor has.
_SPARE_SECONDS: Final = 5.0
_MOST_ROWS: Final = 100_000
_WILDCARDS: Final = {"*": ".*", "?": "."}
_NO_HASHES: Final = Hashes("", "", "")
_FLAGS: Final = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NOCTTY


def exists(context: SensorContext, parameters: Mapping[str, str]) -> Iterator[Row]:
    """Tell whether anything is at a path."""
    place = FileWalk(context).place(parameters["path"])
    yield (boolean_text(os.path.lexists(place)),)


def details(context: SensorContext, parameters: Mapping[str, str]) -> Iterator[Row]:
    """Give all about one file."""
    path = parameters["path"]
    place = FileWalk(context).place(path)
    try:
        status = os.lstat(place)
    except OSError as error:
        raise SensorFailed(f"{path!r} cannot be looked at: {error.strerror}.") from error
    hashes, first, attributes = _content_of(place, status)
    owners = Owners(context.root)
    yield (
        path,
        kind_of(status.st_mode),
        str(status.st_size),
        owners.user(status.st_uid),
        owners.group(status.st_gid),
        permissions_of(status.st_mode),
        attributes,
        instant_text_of_seconds(status.st_mtime),
        instant_text_of_seconds(status.st_ctime),
        instant_text_of_seconds(status.st_atime),
        instant_text_of_seconds(created_at(place)),
        hashes.md5,
        hashes.sha1,
        hashes.sha256,
        owners_of(context.root, [os.path.normpath(path)]).get(os.path.normpath(path), ""),
        _target(place),
        first.hex(" "),
        str(status.st_ino),
        str(status.st_nlink),
    )


def listing(context: SensorContext, parameters: Mapping[str, str]) -> Iterator[Row]:
    """Give what one folder holds."""
    folder = parameters["folder"]
    place = FileWalk(context).place(folder)
    if not os.path.isdir(place):  # noqa: PTH112 - surrogates
        raise SensorFailed(f"There is no folder {folder!r}.")
    owners = Owners(context.root)
    for entry in sorted(entries_in(place), key=lambda entry: entry.name):
        try:
            status = entry.stat(follow_symlinks=False)
        except OSError:
            continue
        yield (
            entry.name,
            kind_of(status.st_mode),
            str(status.st_size),
            owners.user(status.st_uid),
            owners.group(status.st_gid),
            permissions_of(status.st_mode),
            instant_text_of_seconds(status.st_mtime),
            _target(entry.path),
        )


def recently_modified(context: SensorContext, parameters: Mapping[str, str]) -> Iterator[Row]:
    """Give the files that changed within the last minutes, the latest first."""
    since = context.now / 1e6 - 60 * int(parameters["minutes"])
    most = _most_rows(parameters)
    owners = Owners(context.root)
    changed = 0

    def look() -> Iterator[Found]:
        nonlocal changed
        for number, found in enumerate(FileWalk(context).below(parameters["folder"])):
            if number == _LOOKED_AT or context.seconds_left < _SPARE_SECONDS:
                raise SensorFailed(
                    f"{parameters['folder']!r} holds too much to look at in one answer (it ended "
                    f"after {number:,} entries): name a smaller folder."
                )
            status = found.status
            if stat.S_ISREG(status.st_mode) and max(status.st_mtime, status.st_ctime) >= since:
                changed += 1
                yield found

    latest = heapq.nsmallest(most, look(), key=lambda each: (-each.status.st_ctime_ns, each.path))
    context.left_out.rows += changed - len(latest)
    for found in latest:
        yield found.path, *_facts(found, owners)


def search(context: SensorContext, parameters: Mapping[str, str]) -> Iterator[Row]:
    """Give the files and folders whose name, or path, fits."""
    fits = _fits(parameters["pattern"], is_expression=parameters["regex"] == "1")
    most = _most_rows(parameters)
    owners = Owners(context.root)
    matching = (
        found for found in FileWalk(context).below(parameters["folder"]) if fits(found.path)
    )
    for found in itertools.islice(matching, most):
        yield found.path, kind_of(found.status.st_mode), *_facts(found, owners)
    # A job has the time: what there is more of is counted, not passed over in silence.
    context.left_out.rows += sum(1 for _found in matching)


def hash_match(context: SensorContext, parameters: Mapping[str, str]) -> Iterator[Row]:
    """Give the files that have one of these hashes."""
    wanted = wanted_hashes(parameters["hashes"])
    largest = int(parameters["largest"])
    owners = Owners(context.root)
    for found in FileWalk(context).below(parameters["folder"]):
        if not stat.S_ISREG(found.status.st_mode) or found.status.st_size > largest:
            continue
        hashes, _first, _attributes = _content_of(found.here, found.status, largest=largest)
        if not wanted.isdisjoint((hashes.md5, hashes.sha1, hashes.sha256)):
            yield found.path, *_facts(found, owners), hashes.md5, hashes.sha1, hashes.sha256


def _facts(found: Found, owners: Owners) -> tuple[str, str, str, str, str]:
    status = found.status
    return (
        str(status.st_size),
        owners.user(status.st_uid),
        permissions_of(status.st_mode),
        instant_text_of_seconds(status.st_mtime),
        instant_text_of_seconds(status.st_ctime),
    )


def _content_of(
    place: str, status: os.stat_result, *, largest: int = _LARGEST_HASHED
) -> tuple[Hashes, bytes, str]:
    """Return hashes, first bytes and attributes of a regular file; nothing of anything else."""
    if not (stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)):
        return _NO_HASHES, b"", ""
    try:
        descriptor = os.open(place, _FLAGS)
    except OSError:
        # Gone, or something else stands there now.
        return _NO_HASHES, b"", ""
    try:
        opened = os.fstat(descriptor)
        attributes = attributes_of(descriptor)
        if not stat.S_ISREG(opened.st_mode):
            return _NO_HASHES, b"", attributes
        first = os.pread(descriptor, FIRST_BYTES, 0)
        if opened.st_size > largest:
            return _NO_HASHES, first, attributes
        return hash_descriptor(descriptor), first, attributes
    except OSError:
        return _NO_HASHES, b"", ""
    finally:
        os.close(descriptor)


def _target(place: str) -> str:
    try:
        return os.readlink(place)  # noqa: PTH115 - surrogates
    except OSError:
        return ""


def _fits(pattern: str, *, is_expression: bool) -> Callable[[str], bool]:
    if not pattern:
        raise SensorFailed("No pattern is given.")
    if is_expression:
        whole = expression(pattern)
        return lambda path: whole(shown_value(path))
    fits = expression("".join(_WILDCARDS.get(sign) or escape_pattern(sign) for sign in pattern))
    # Of a path as a whole when it has folders in it.
    if "/" in pattern:
        return lambda path: fits(shown_value(path))
    return lambda path: fits(shown_value(path.rpartition("/")[2]))


def _most_rows(parameters: Mapping[str, str]) -> int:
    most = int(parameters["max_rows"])
    if not 1 <= most <= _MOST_ROWS:
        raise SensorFailed(f"The most rows are a number from 1 to {_MOST_ROWS}.")
    return most


SENSORS: Final[dict[str, SensorFunction]] = {
    "files.exists": exists,
    "files.details": details,
    "files.listing": listing,
    "files.recently_modified": recently_modified,
    "files.search": search,
    "files.hash_match": hash_match,
}
