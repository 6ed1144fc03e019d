r"""Tell what an alert is about in words that a person can read and trust.

Everything in an alert is an endpoint's word. Characters that cannot be seen, or that would turn
the direction of writing, are shown by name or number (`⟨LF⟩`, `⟨ESC⟩`, `⟨202E⟩`), so that a name
made to deceive looks like what it is.
"""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from dataclasses import dataclass
from typing import Any, Final

from detection.signals.spelling import quote
from threatresponse.alerts.models import Alert

# Control, format, private, surrogate and unassigned characters, line and paragraph separators.
_HIDDEN: Final = frozenset({"Cc", "Cf", "Co", "Cs", "Cn", "Zl", "Zp"})
# By their names: the signs that Unicode has for them are missing in many fonts.
_CONTROLS: Final = (
    *("NUL", "SOH", "STX", "ETX", "EOT", "ENQ", "ACK", "BEL", "BS", "TAB", "LF", "VT", "FF"),
    *("CR", "SO", "SI", "DLE", "DC1", "DC2", "DC3", "DC4", "NAK", "SYN", "ETB", "CAN", "EM"),
    *("SUB", "ESC", "FS", "GS", "RS", "US"),
)

STATES: Final = {
    Alert.State.UNRESOLVED.value: ("Unresolved", "alarm"),
    Alert.State.IN_PROGRESS.value: ("In progress", "warn"),
    Alert.State.RESOLVED.value: ("Resolved", "good"),
    Alert.State.DISMISSED.value: ("Dismissed", ""),
}

# What of each kind is a fact of its own; the names are those of the JSON.
_FACTS: Final = {
    "exit": {"code": "Exit code", "killed_by": "Killed by signal"},
    "file": {"operation": "Operation", "path": "Path", "original_path": "Path before"},
    "network": {
        "operation": "Operation",
        "address": "Other side",
        "port": "Port",
        "protocol": "Protocol",
        "local_address": "This side",
        "local_port": "Local port",
        "domain": "Domain",
    },
    "dns": {"query": "Name", "record_type": "Type", "response": "Answer", "server": "Server"},
    "registry": {"operation": "Operation", "key_path": "Key", "value_data": "Value"},
    "image": {"path": "Library", "signer": "Signer"},
    "security": {"operation": "Operation", "user": "Account", "source_address": "From"},
}

# What a process did, filled with the section of its event.
_DEEDS: Final = {
    "process": "was started",
    "exit": "ended",
    "file": "touched the file {path} ({operation})",
    "network": "had a connection with {address} port {port} ({operation})",
    "dns": "asked for the name {query}",
    "registry": "changed the registry key {key_path}",
    "image": "loaded {path}",
    "security": "caused a {operation}",
}


@dataclass(frozen=True, slots=True)
class Level:
    """One process of the chain, outermost first; the last one did it."""

    path: str
    command_line: str
    user: str
    pid: int | None
    is_culprit: bool
    depth: int


@dataclass(frozen=True, slots=True)
class FoundText:
    """A matched term and the text it was true of, cut around the part that matched."""

    property: str
    condition: str
    value: str
    before: str
    hit: str
    after: str


def visible_text(text: str) -> str:
    """Replace characters that cannot be seen, or that move others, by their names."""
    return "".join(map(_visible, text))


def sentence_of(alert: Alert) -> str:
    """Tell in one sentence what happened, where and who did it."""
    process = _section(alert, "process")
    name = visible_text(str(process.get("path") or "")) or "An unknown process"
    user = visible_text(str(process.get("user") or ""))
    by = f" as {user}" if user else ""
    host = visible_text(alert.endpoint.host_name)
    return f"{name} {_deed(alert)} on {host}{by}."


def command_line_of(alert: Alert) -> str:
    """Return the command line of the process; "" when it was not recorded."""
    return visible_text(str(_section(alert, "process").get("command_line") or ""))


def chain_of(alert: Alert) -> list[Level]:
    """List the process with everything above it, outermost first."""
    process = _section(alert, "process")
    if not process:
        return []
    above = process.get("ancestors")
    listed = [level for level in (above or []) if isinstance(level, dict)]
    levels = [*reversed(listed), process]
    return [
        Level(
            path=visible_text(str(level.get("path") or "unknown")),
            command_line=visible_text(str(level.get("command_line") or "")),
            user=visible_text(str(level.get("user") or "")),
            pid=level.get("pid"),
            is_culprit=level is process,
            depth=depth,
        )
        for depth, level in enumerate(levels)
    ]


def facts_of(alert: Alert) -> list[tuple[str, str]]:
    """List what is known of the event and its process, with words for names."""
    process = _section(alert, "process")
    kind = str(alert.event.get("kind", ""))
    own = _section(alert, kind)
    facts = [(title, own.get(name)) for name, title in _FACTS.get(kind, {}).items()]
    facts += [
        ("Program", process.get("path")),
        ("PID", process.get("pid")),
        ("User", process.get("user")),
        ("Working directory", process.get("cwd")),
        ("Parent", process.get("parent_path")),
        ("Parent command line", process.get("parent_command_line")),
        ("Container", process.get("container")),
    ]
    # A process event has one section for both.
    for section in (process,) if own is process else (own, process):
        hashes = section.get("hash")
        if isinstance(hashes, dict):
            facts += [(name.upper(), value) for name, value in hashes.items()]
    return [(title, visible_text(str(value))) for title, value in facts if value not in (None, "")]


def arguments_of(alert: Alert) -> list[str]:
    """List the arguments of the process, each by itself."""
    return [visible_text(str(text)) for text in _section(alert, "process").get("arguments") or []]


def terms_found(alert: Alert) -> list[FoundText]:
    """List the terms that were true, with the part of the text that made them so."""
    return [_found(term) for term in alert.matched if isinstance(term, dict)]


def search_for_process(alert: Alert) -> str:
    """Write the search that finds everything this process did; "" when it is not known."""
    process = _section(alert, "process")
    path, pid = process.get("path"), process.get("pid")
    if not path:
        return ""
    by_path = f"process.path is {quote(str(path))}"
    return f"process.pid is {pid} AND {by_path}" if isinstance(pid, int) and pid >= 0 else by_path


def _deed(alert: Alert) -> str:
    kind = str(alert.event.get("kind", ""))
    if alert.event.get("already_running"):
        return "was already running"
    fields = {name: visible_text(str(value)) for name, value in _section(alert, kind).items()}
    return _DEEDS.get(kind, "caused an event").format_map(defaultdict(str, fields))


def _found(term: dict[str, Any]) -> FoundText:
    found, value = str(term.get("found", "")), str(term.get("value", ""))
    condition = str(term.get("condition", ""))
    start, end = _place_of(value, found, condition)
    return FoundText(
        property=visible_text(str(term.get("property", ""))),
        condition=visible_text(condition),
        value=visible_text(value),
        before=visible_text(found[:start]),
        hit=visible_text(found[start:end]),
        after=visible_text(found[end:]),
    )


def _place_of(value: str, found: str, condition: str) -> tuple[int, int]:
    """Return where in the found text the value stands; all of it where that has no answer."""
    lowered, wanted = found.lower(), value.lower()
    # Some letters change their length with their case: then places cannot be told.
    if len(lowered) != len(found) or not wanted or "not" in condition:
        return 0, len(found)
    start = lowered.rfind(wanted) if condition == "ends with" else lowered.find(wanted)
    return (start, start + len(wanted)) if start >= 0 else (0, len(found))


def _section(alert: Alert, name: str) -> dict[str, Any]:
    section = alert.event.get(name)
    return section if isinstance(section, dict) else {}


def _visible(character: str) -> str:
    if unicodedata.category(character) not in _HIDDEN:
        return character
    code = ord(character)
    return f"⟨{_CONTROLS[code] if code < len(_CONTROLS) else f'{code:04X}'}⟩"
