"""Events to store: plain ones, hostile ones, and strategies that make any."""

from __future__ import annotations

from hypothesis import strategies as st

from protocol.events import (
    FILE_OPERATIONS,
    NETWORK_OPERATIONS,
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
    SecurityEvent,
    ancestors_below,
    process_key,
)

KEY = bytes(range(32))
START = 1_780_000_000_000_000

HOSTILE_NAMES = (
    "line\nbreak",
    "nul\0byte",
    "<script>alert(1)</script>",
    "../../etc/passwd",
    "100%_done",
    'it\'s "quoted"',
    r"lone \xff escape",
    "\x1b[31mred",
    "Überraschung ΣΑΣ İ ß K",
    "trailing\\",
    "/",
    "'; DROP TABLE string; --",
)


def process(number: int = 1, *, parent: Process | None = None, **fields: object) -> Process:
    """Return a process that differs by its number."""
    at = START + number * 1_000
    defaults: dict[str, object] = {
        "path": f"/usr/bin/tool{number}",
        "arguments": (f"tool{number}", "--run"),
        "user": "alice",
        "ancestors": ancestors_below(parent),
    }
    key = process_key(number, at)
    return Process(key=key, pid=number, started_at=at, **{**defaults, **fields})  # type: ignore[arg-type]


def file_event(number: int, by: Process | None = None, *, path: str = "") -> FileEvent:
    """Return a file event that differs by its number."""
    path = path or f"/var/log/file{number}.log"
    return FileEvent(at=START + number, process=by, operation="write", path=path)


def file_events(count: int, *, start: int = 0) -> list[Event]:
    """Return file events of one process."""
    by = process()
    return [file_event(number, by) for number in range(start, start + count)]


words = st.sampled_from(
    ["", "a", "A", "bash", "BASH", "/", "\\", "c:\\Windows\\", "/usr/bin/", ".sh", *HOSTILE_NAMES]
)
texts = st.one_of(words, st.text(max_size=12), st.lists(words, max_size=3).map("".join))
optional_texts = st.none() | texts
instants = st.integers(0, 2**52)
numbers = st.integers(-1, 2**40)
addresses = st.one_of(
    st.ip_addresses().map(str), st.sampled_from(["10.1.2.3", "::1", "::ffff:a01:203"])
)
keys = st.integers(-(2**62), 2**62)

ancestors = st.builds(Ancestor, key=keys, pid=numbers, path=texts, command_line=texts, user=texts)
processes = st.builds(
    Process,
    key=keys,
    pid=numbers,
    started_at=instants,
    path=texts,
    arguments=st.lists(texts, max_size=4).map(tuple),
    arguments_length=numbers,
    cwd=texts,
    user=texts,
    user_id=numbers,
    group_id=numbers,
    login_user_id=numbers,
    logon_id=numbers,
    container=texts,
    ancestors=st.lists(ancestors, max_size=4).map(tuple),
    md5=optional_texts,
    sha1=optional_texts,
    sha256=optional_texts,
    original_name=texts,
    company=texts,
    product=texts,
    description=texts,
    integrity_level=texts,
    signature_status=texts,
    signer=texts,
    memory_only=st.booleans(),
    command_line_text=texts,
)
any_process = st.none() | processes

events: st.SearchStrategy[Event] = st.one_of(
    st.builds(ProcessStarted, at=instants, process=any_process, already_running=st.booleans()),
    st.builds(
        ProcessExited, at=instants, process=any_process, exit_code=numbers, killed_by=numbers
    ),
    st.builds(
        FileEvent,
        at=instants,
        process=any_process,
        operation=st.sampled_from(FILE_OPERATIONS),
        path=texts,
        original_path=texts,
        md5=optional_texts,
        sha1=optional_texts,
        sha256=optional_texts,
        magic=texts,
        directory=st.booleans(),
    ),
    st.builds(
        NetworkEvent,
        at=instants,
        process=any_process,
        operation=st.sampled_from(NETWORK_OPERATIONS),
        protocol=st.sampled_from(["tcp", "udp"]),
        local_address=addresses,
        local_port=st.integers(-1, 65_535),
        address=addresses,
        port=st.integers(-1, 65_535),
        domain=texts,
    ),
    st.builds(
        DnsEvent,
        at=instants,
        process=any_process,
        query=texts,
        record_type=texts,
        response=texts,
        server=texts,
    ),
    st.builds(
        RegistryEvent,
        at=instants,
        process=any_process,
        operation=texts,
        key_path=texts,
        value_name=texts,
        value_data=texts,
    ),
    st.builds(
        ImageLoaded,
        at=instants,
        process=any_process,
        path=texts,
        md5=optional_texts,
        sha1=optional_texts,
        sha256=optional_texts,
        signature_status=texts,
        signer=texts,
        original_name=texts,
        company=texts,
        product=texts,
        description=texts,
    ),
    st.builds(
        SecurityEvent,
        at=instants,
        process=any_process,
        operation=texts,
        user=texts,
        logon_type=texts,
        source_address=st.one_of(addresses, texts),
        service_name=texts,
    ),
)
