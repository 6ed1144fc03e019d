"""Read Sysmon and Sysmon for Linux records, as JSON, into events.

Exporters wrap the same fields differently; all of these are read:

- flat: `{"EventID": 1, "Image": ..., "CommandLine": ...}` (NXLog, Logstash, syslog parsers);
- the event's XML as JSON: `{"Event": {"System": {...}, "EventData": {...}}}`, with or without the
  outer `Event`, `EventData` as a mapping or as a list of named `Data` elements;
- Winlogbeat: `{"winlog": {"event_id": 1, "event_data": {...}}}`.

Field names are those of Sysmon's schema. An empty field and `-` mean absent. A record stands for
itself: nothing is remembered from the process's own start.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, TypeAlias

from detection.exceptions import UnreadableEvent
from protocol.events import (
    Ancestor,
    DnsEvent,
    Event,
    FileEvent,
    ImageLoaded,
    NetworkEvent,
    Process,
    ProcessExited,
    ProcessStarted,
    RegistryEvent,
    process_key,
)

Record: TypeAlias = Mapping[str, Any]
Fields: TypeAlias = dict[str, str]

_NO_LONGER_A_PROCESS_ID = 2**22


def read_sysmon(record: Record) -> Event | None:
    """Read one record.

    None: a record of another log, or a Sysmon event that none of our kinds stands for (such as
    10, process accessed). Raises `UnreadableEvent` when it is no event record at all.
    """
    system, values = _sections(record)
    event_id = _number(_plain(system.get("EventID")))
    if event_id < 0:
        raise UnreadableEvent("no EventID: neither our own event format nor a Sysmon record")
    source = _text(system.get("Provider")) or _text(system.get("Channel"))
    read = _READERS.get(event_id)
    if read is None or (source and "sysmon" not in source.lower()):
        return None
    fields = {name: text for name, value in values.items() if (text := _text(value))}
    return read(fields, _instant(fields, system))


def record_id_of(record: Record) -> int | str | None:
    """Return the record's own number, as its log gave it, or None."""
    system, _ = _sections(record)
    given = _plain(system.get("EventRecordID"))
    number = _number(given)
    return number if number >= 0 else (_text(given) or None)


def _sections(record: Record) -> tuple[Record, Record]:
    """Split a record of any form into what the log knows and what Sysmon said."""
    event = record.get("Event", record)
    if not isinstance(event, Mapping):
        raise UnreadableEvent("'Event' is not an object")
    if isinstance(event.get("System"), Mapping):
        return _from_xml(event["System"]), _named(event.get("EventData"))
    winlog = record.get("winlog")
    if isinstance(winlog, Mapping):
        system = {
            "EventID": winlog.get("event_id"),
            "EventRecordID": winlog.get("record_id"),
            "Provider": winlog.get("provider_name"),
            "Channel": winlog.get("channel"),
            "Time": record.get("@timestamp"),
        }
        return system, _named(winlog.get("event_data"))
    return _from_flat(event), event


def _from_xml(system: Record) -> Record:
    provider = system.get("Provider")
    created = system.get("TimeCreated")
    return {
        "EventID": system.get("EventID"),
        "EventRecordID": system.get("EventRecordID"),
        "Provider": _attribute(provider, "Name"),
        "Channel": system.get("Channel"),
        "Time": _attribute(created, "SystemTime"),
    }


def _from_flat(event: Record) -> Record:
    return {
        "EventID": event.get("EventID"),
        "EventRecordID": event.get("EventRecordID", event.get("RecordNumber")),
        "Provider": event.get("SourceName", event.get("Provider_Name")),
        "Channel": event.get("Channel"),
        "Time": event.get("TimeCreated", event.get("@timestamp")),
    }


def _attribute(element: Any, name: str) -> Any:
    """Return an XML attribute of an element, whatever the converter calls attributes."""
    if not isinstance(element, Mapping):
        return element
    inner = element.get("#attributes", element)
    return inner.get(name, inner.get(f"@{name}")) if isinstance(inner, Mapping) else None


def _named(values: Any) -> Record:
    """Return the values by name, from a mapping or from a list of `Data` elements."""
    if isinstance(values, Mapping):
        inner = values.get("Data")
        if not isinstance(inner, list):
            return values
        values = inner
    if not isinstance(values, list):
        return {}
    named = {}
    for element in values:
        name = _attribute(element, "Name")
        if isinstance(element, Mapping) and isinstance(name, str):
            named[name] = element.get("#text", element.get("content"))
    return named


def _plain(value: Any) -> Any:
    """Unwrap `{"#text": 1, "#attributes": ...}`."""
    return value.get("#text") if isinstance(value, Mapping) else value


def _text(value: Any) -> str:
    value = _plain(value)
    if value is None or value == "-":
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else str(value)


def _number(value: Any) -> int:
    """Read a number in decimal or `0x` notation; -1 when it is none."""
    if isinstance(value, int):
        return value
    try:
        return int(_text(value), 0)
    except ValueError:
        return -1


_INSTANT = re.compile(r"(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?")


def _instant(fields: Fields, system: Record) -> int:
    """Return when it happened in microseconds, UTC; 0 where no field says so."""
    for text in (fields.get("UtcTime", ""), _text(system.get("Time"))):
        found = _INSTANT.match(text)
        if found is None:
            continue
        date, clock, fraction = found.groups()
        try:
            seconds = datetime.fromisoformat(f"{date}T{clock}").replace(tzinfo=UTC).timestamp()
        except ValueError:
            continue
        return int(seconds) * 1_000_000 + int((fraction or "0").ljust(6, "0")[:6])
    return 0


def _process(fields: Fields, started_at: int = 0) -> Process:
    pid = _pid(fields.get("ProcessId", ""))
    return Process(
        key=process_key(pid, started_at) if started_at and pid >= 0 else 0,
        pid=pid,
        started_at=started_at,
        path=fields.get("Image", ""),
        command_line_text=fields.get("CommandLine", ""),
        cwd=fields.get("CurrentDirectory", ""),
        user=fields.get("User", ""),
        logon_id=_number(fields.get("LogonId", "")),
        ancestors=_parents(fields),
    )


def _pid(text: str) -> int:
    pid = _number(text)
    return pid if 0 <= pid < _NO_LONGER_A_PROCESS_ID else -1


def _parents(fields: Fields) -> tuple[Ancestor, ...]:
    path, line = fields.get("ParentImage", ""), fields.get("ParentCommandLine", "")
    pid = _pid(fields.get("ParentProcessId", ""))
    if not (path or line or pid > 0):
        return ()
    return (Ancestor(0, pid, path, line, fields.get("ParentUser", "")),)


_DIGEST_NAMES = {"MD5": "md5", "SHA1": "sha1", "SHA256": "sha256"}


def _digests(fields: Fields) -> dict[str, str]:
    digests = {}
    for pair in fields.get("Hashes", fields.get("Hash", "")).split(","):
        name, _, digest = pair.strip().partition("=")
        if name in _DIGEST_NAMES and digest:
            digests[_DIGEST_NAMES[name]] = digest.lower()
    return digests


def _version(fields: Fields) -> dict[str, str]:
    return {
        "original_name": fields.get("OriginalFileName", ""),
        "company": fields.get("Company", ""),
        "product": fields.get("Product", ""),
        "description": fields.get("Description", ""),
    }


def _process_started(fields: Fields, at: int) -> Event:
    process = _process(fields, at)
    digests = _digests(fields)
    process.md5 = digests.get("md5")
    process.sha1 = digests.get("sha1")
    process.sha256 = digests.get("sha256")
    process.integrity_level = fields.get("IntegrityLevel", "")
    for name, value in _version(fields).items():
        setattr(process, name, value)
    return ProcessStarted(at=at, process=process)


def _process_exited(fields: Fields, at: int) -> Event:
    return ProcessExited(at=at, process=_process(fields))


def _connection(fields: Fields, at: int) -> Event:
    """Read event 3. Source and destination are of the connection; ours are near and far."""
    accepted = fields.get("Initiated", "true").lower() == "false"
    near, far = ("Destination", "Source") if accepted else ("Source", "Destination")
    return NetworkEvent(
        at=at,
        process=_process(fields),
        operation="accept" if accepted else "connect",
        protocol=fields.get("Protocol", ""),
        local_address=_address(fields.get(f"{near}Ip", "")),
        local_port=_number(fields.get(f"{near}Port", "")),
        address=_address(fields.get(f"{far}Ip", "")),
        port=_number(fields.get(f"{far}Port", "")),
        domain=fields.get(f"{far}Hostname", ""),
    )


def _address(text: str) -> str:
    """Write an address in its canonical form; Sysmon writes all zeros of IPv6 out."""
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return text


def _image_loaded(fields: Fields, at: int) -> Event:
    return ImageLoaded(
        at=at,
        process=_process(fields) if "Image" in fields else None,
        path=fields.get("ImageLoaded", ""),
        signature_status=fields.get("SignatureStatus", ""),
        signer=fields.get("Signature", ""),
        **_digests(fields),
        **_version(fields),
    )


def _file_event(operation: str) -> Callable[[Fields, int], Event]:
    def read(fields: Fields, at: int) -> Event:
        digests = _digests(fields)
        return FileEvent(
            at=at,
            process=_process(fields),
            operation=operation,
            path=fields.get("TargetFilename", ""),
            md5=digests.get("md5"),
            sha1=digests.get("sha1"),
            sha256=digests.get("sha256"),
        )

    return read


_REGISTRY_OPERATIONS = {
    "CreateKey": "create_key",
    "DeleteKey": "delete_key",
    "RenameKey": "rename_key",
    "SetValue": "set_value",
    "DeleteValue": "delete_value",
    "RenameValue": "rename_value",
}
# NXLog puts its own severity into the field EventType; Sysmon's stays in the message.
_EVENT_TYPE_IN_MESSAGE = re.compile(r"^EventType: (\w+)", re.MULTILINE)


def _registry_event(fields: Fields, at: int) -> Event:
    kind = fields.get("EventType", "")
    if kind not in _REGISTRY_OPERATIONS:
        told = _EVENT_TYPE_IN_MESSAGE.search(fields.get("Message", ""))
        kind = told[1] if told else kind
    operation = _REGISTRY_OPERATIONS.get(kind, "")
    target = fields.get("TargetObject", "")
    return RegistryEvent(
        at=at,
        process=_process(fields),
        operation=operation,
        key_path=target,
        value_name=target.rpartition("\\")[2] if operation.endswith("_value") else "",
        value_data=fields.get("Details", ""),
    )


def _dns_query(fields: Fields, at: int) -> Event:
    return DnsEvent(
        at=at,
        process=_process(fields),
        query=fields.get("QueryName", ""),
        response=fields.get("QueryResults", ""),
    )


# Not read: 15 and 29 (alternate stream, executable detected) tell of a file that 11 told of
# already; 2 (creation time changed) is none of our file operations.
_READERS: dict[int, Callable[[Fields, int], Event]] = {
    1: _process_started,
    3: _connection,
    5: _process_exited,
    6: _image_loaded,
    7: _image_loaded,
    11: _file_event("create"),
    12: _registry_event,
    13: _registry_event,
    14: _registry_event,
    22: _dns_query,
    23: _file_event("delete"),
    26: _file_event("delete"),
}
