"""Sysmon records become events, whichever exporter wrapped them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detection.exceptions import UnreadableEvent
from detection.signals.sysmon import read_sysmon, record_id_of
from protocol.events import (
    DnsEvent,
    FileEvent,
    ImageLoaded,
    NetworkEvent,
    Process,
    ProcessExited,
    ProcessStarted,
    RegistryEvent,
    process_key,
)

AT = 1_652_292_620_395_000
STARTED: dict[str, Any] = {
    "UtcTime": "2022-05-11 18:10:20.395",
    "ProcessId": "1774",
    "Image": "C:\\Windows\\System32\\whoami.exe",
    "CommandLine": "whoami  /all",
    "CurrentDirectory": "C:\\Users\\",
    "User": "NT AUTHORITY\\SYSTEM",
    "LogonId": "0x3e7",
    "IntegrityLevel": "System",
    "Hashes": "SHA1=0A,MD5=0B,SHA256=0C,IMPHASH=0D",
    "OriginalFileName": "whoami.exe",
    "Company": "-",
    "Product": "Windows",
    "Description": "whoami",
    "ParentProcessId": 4,
    "ParentImage": "C:\\Windows\\explorer.exe",
    "ParentCommandLine": "explorer",
    "ParentUser": "alice",
}
FLAT = {"EventID": 1, "Channel": "Microsoft-Windows-Sysmon/Operational", **STARTED}
SYSTEM = {
    "Provider": {"#attributes": {"Name": "Microsoft-Windows-Sysmon"}},
    "EventID": {"#attributes": {"Qualifiers": 0}, "#text": "1"},
    "EventRecordID": "77",
    "TimeCreated": {"#attributes": {"SystemTime": "2022-05-11T18:10:20.395Z"}},
}
LISTED = [{"@Name": name, "#text": value} for name, value in STARTED.items()]


def read(event_id: int, **fields: object) -> Any:
    return read_sysmon({"EventID": event_id, "ProcessId": 5, "Image": "/bin/x", **fields})


class TestForms:
    @pytest.mark.parametrize(
        "record",
        [
            FLAT,
            {"EventID": "1", "SourceName": "Linux-Sysmon", **STARTED},
            {"EventID": 1, **STARTED},
            {"Event": {"System": SYSTEM, "EventData": STARTED}},
            {"System": SYSTEM, "EventData": STARTED},
            {"Event": {"System": SYSTEM, "EventData": {"Data": LISTED}}},
            {"Event": {"System": SYSTEM, "EventData": LISTED}},
            {"winlog": {"event_id": 1, "channel": "…Sysmon…", "event_data": STARTED}},
        ],
        ids=range(8),
    )
    def test_give_the_same_event(self, record: dict[str, Any]) -> None:
        event = read_sysmon(record)

        assert isinstance(event, ProcessStarted)
        assert isinstance(event.process, Process)
        process = event.process
        assert (event.at, process.started_at) == (AT, AT)
        assert process.key == process_key(1774, AT)
        assert process.pid == 1774
        assert process.path == STARTED["Image"]
        assert process.command_line == "whoami  /all"
        assert process.cwd == "C:\\Users\\"
        assert process.user == "NT AUTHORITY\\SYSTEM"
        assert process.logon_id == 999
        assert (process.md5, process.sha1, process.sha256) == ("0b", "0a", "0c")
        assert (process.original_name, process.company) == ("whoami.exe", "")
        assert (process.product, process.description) == ("Windows", "whoami")
        assert process.integrity_level == "System"
        [parent] = process.ancestors
        assert (parent.pid, parent.path, parent.command_line, parent.user) == (
            4,
            "C:\\Windows\\explorer.exe",
            "explorer",
            "alice",
        )

    @pytest.mark.parametrize(
        ("record", "number"),
        [
            ({"EventID": 1, "EventRecordID": 245753}, 245753),
            ({"EventID": 1, "RecordNumber": "12"}, 12),
            ({"Event": {"System": SYSTEM}}, 77),
            ({"winlog": {"event_id": 1, "record_id": "9"}}, 9),
            ({"EventID": 1, "EventRecordID": "a-7"}, "a-7"),
            ({"EventID": 1}, None),
        ],
    )
    def test_have_a_number_of_their_own(
        self, record: dict[str, Any], number: int | str | None
    ) -> None:
        assert record_id_of(record) == number

    @pytest.mark.parametrize(
        ("fields", "at"),
        [
            ({"UtcTime": "2022-05-11 18:10:20"}, AT - 395_000),
            ({"UtcTime": "2022-05-11 18:10:20.3951234"}, AT + 123),
            ({"@timestamp": "2022-05-11T18:10:20.395Z"}, AT),
            ({"UtcTime": "-", "TimeCreated": "2022-05-11T18:10:20.395Z"}, AT),
            ({"UtcTime": "2022-13-41 18:10:20"}, 0),
            ({}, 0),
        ],
    )
    def test_tell_the_time(self, fields: dict[str, str], at: int) -> None:
        assert read(1, **fields).at == at

    @pytest.mark.parametrize(
        "record",
        [
            {},
            {"EventID": None},
            {"EventID": "start"},
            {"Event": "x"},
            {"Event": {"System": {}, "EventData": {}}},
        ],
    )
    def test_are_refused_without_an_event_id(self, record: dict[str, Any]) -> None:
        with pytest.raises(UnreadableEvent):
            read_sysmon(record)

    @pytest.mark.parametrize(
        "record",
        [
            {"EventID": 1, "Channel": "Security"},
            {"EventID": 10, "Channel": "Microsoft-Windows-Sysmon/Operational"},
            {"Event": {"System": {"EventID": 4688, "Provider": "Security"}, "EventData": None}},
        ],
    )
    def test_of_other_logs_are_no_events_of_ours(self, record: dict[str, Any]) -> None:
        assert read_sysmon(record) is None

    @pytest.mark.parametrize("data", [None, 5, [5, {"Name": 4}], {"Data": [None]}])
    def test_may_lack_everything_else(self, data: object) -> None:
        event = read_sysmon({"Event": {"System": {"EventID": 1}, "EventData": data}})

        assert isinstance(event, ProcessStarted)

    _json = st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
        ),
        max_leaves=5,
    )

    @given(
        st.dictionaries(
            st.sampled_from(["Event", "System", "EventData", "winlog", "EventID", *STARTED]),
            _json,
        ),
        st.integers(0, 30),
    )
    def test_never_break_the_reader(self, record: dict[str, Any], event_id: int) -> None:
        for shaped in (
            {**record, "EventID": event_id},
            {"Event": {"System": {"EventID": event_id, **record}, "EventData": record}},
            {"winlog": {"event_id": event_id, "event_data": record}},
        ):
            try:
                read_sysmon(shaped)
                record_id_of(shaped)
            except UnreadableEvent:
                continue


class TestKinds:
    def test_read_an_exit(self) -> None:
        assert isinstance(read(5), ProcessExited)

    def test_read_a_connection_from_here(self) -> None:
        event = read(
            3,
            Protocol="tcp",
            Initiated="true",
            SourceIp="10.0.0.1",
            SourcePort="50000",
            DestinationIp="203.0.113.7",
            DestinationPort="443",
            DestinationHostname="evil.example",
        )

        assert isinstance(event, NetworkEvent)
        assert (event.operation, event.protocol, event.domain) == ("connect", "tcp", "evil.example")
        assert (event.local_address, event.local_port) == ("10.0.0.1", 50000)
        assert (event.address, event.port) == ("203.0.113.7", 443)

    def test_read_a_connection_to_here(self) -> None:
        event = read(
            3, Initiated=False, SourceIp="203.0.113.7", DestinationIp="10.0.0.1", DestinationPort=22
        )

        assert (event.operation, event.address, event.port) == ("accept", "203.0.113.7", -1)
        assert (event.local_address, event.local_port) == ("10.0.0.1", 22)

    @pytest.mark.parametrize(
        ("written", "address"),
        [("fe80:0:0:0:c50d:519f:96a4:E108", "fe80::c50d:519f:96a4:e108"), ("-", ""), ("x", "x")],
    )
    def test_read_addresses_in_one_form(self, written: str, address: str) -> None:
        assert read(3, DestinationIp=written).address == address

    def test_read_a_library_and_a_driver(self) -> None:
        event = read(
            7, ImageLoaded="C:\\a.dll", Signature="Vendor", SignatureStatus="Valid", Hashes="MD5=AA"
        )
        driver = read_sysmon({"EventID": 6, "ImageLoaded": "C:\\a.sys"})

        assert isinstance(event, ImageLoaded)
        assert (event.path, event.signer, event.signature_status) == (
            "C:\\a.dll",
            "Vendor",
            "Valid",
        )
        assert (event.md5, event.sha1) == ("aa", None)
        assert isinstance(driver, ImageLoaded)
        assert driver.process is None

    @pytest.mark.parametrize(
        ("event_id", "operation"), [(11, "create"), (23, "delete"), (26, "delete")]
    )
    def test_read_files(self, event_id: int, operation: str) -> None:
        event = read(event_id, TargetFilename="/etc/passwd", Hash="SHA256=AA,=B,C")

        assert isinstance(event, FileEvent)
        assert (event.operation, event.path, event.sha256) == (operation, "/etc/passwd", "aa")

    @pytest.mark.parametrize(
        ("fields", "operation", "name"),
        [
            ({"EventType": "SetValue"}, "set_value", "Shell"),
            ({"EventType": "DeleteValue"}, "delete_value", "Shell"),
            ({"EventType": "CreateKey"}, "create_key", ""),
            ({"EventType": "INFO", "Message": "…\nEventType: SetValue\n"}, "set_value", "Shell"),
            ({"EventType": "INFO"}, "", ""),
            ({}, "", ""),
        ],
    )
    def test_read_the_registry(self, fields: dict[str, str], operation: str, name: str) -> None:
        event = read(13, TargetObject="HKLM\\Winlogon\\Shell", Details="x.exe", **fields)

        assert isinstance(event, RegistryEvent)
        assert event.key_path == "HKLM\\Winlogon\\Shell"
        assert (event.operation, event.value_name) == (operation, name)
        assert event.value_data == "x.exe"

    def test_read_names_asked_for(self) -> None:
        event = read(22, QueryName="evil.example", QueryResults="203.0.113.7;")

        assert isinstance(event, DnsEvent)
        assert (event.query, event.response) == ("evil.example", "203.0.113.7;")

    @pytest.mark.parametrize("pid", ["", "x", "-5", str(2**22)])
    def test_do_without_a_process_id(self, pid: str) -> None:
        assert read(1, ProcessId=pid).process.pid == -1
