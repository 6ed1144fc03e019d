"""One speaking example of everything that goes over the wire; the golden files are made of them."""

from __future__ import annotations

from uuid import UUID

import msgspec

from protocol import events, instructions, live, messages, questions

AT = 1_795_290_180_597_123  # 2026-11-21T19:43:00.597123Z
FIRST_ID = UUID("0192f000-0000-7000-8000-000000000001")
SECOND_ID = UUID("0192f000-0000-7000-8000-000000000002")
SHA256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"

SHELL = events.Ancestor(
    key=events.process_key(812, AT - 60_000_000),
    pid=812,
    path="/usr/bin/bash",
    command_line="bash -l",
    user="ada",
)
CURL = events.Process(
    key=events.process_key(4711, AT),
    pid=4711,
    started_at=AT,
    path="/usr/bin/curl",
    arguments=("curl", "-s", "http://example.invalid/größe\\xff"),
    arguments_length=37,
    cwd="/home/ada",
    user="ada",
    user_id=1000,
    group_id=1000,
    login_user_id=1000,
    logon_id=3,
    container="web-1",
    ancestors=(SHELL, events.Ancestor(0, 1, "/usr/lib/systemd/systemd", "/sbin/init")),
    md5="098f6bcd4621d373cade4e832627b4f6",
    sha1="a94a8fe5ccb19ba61c4c0873d391e987982fbbd3",
    sha256=SHA256,
    original_name="curl.exe",
    company="curl",
    product="The curl executable",
    description="Transfers URLs",
    integrity_level="Medium",
    signature_status="Valid",
    signer="curl, project",
    memory_only=True,
    command_line_text="curl -s http://example.invalid/",
)

EVENTS: tuple[events.Event, ...] = (
    events.ProcessStarted(at=AT, process=CURL, already_running=True),
    events.ProcessExited(at=AT, process=CURL, exit_code=0, killed_by=9),
    events.FileEvent(
        at=AT,
        process=CURL,
        operation="rename",
        path="/home/ada/payload",
        original_path="/tmp/payload.part",  # noqa: S108 - a path in a sample, nothing is opened
        md5="098f6bcd4621d373cade4e832627b4f6",
        sha1="a94a8fe5ccb19ba61c4c0873d391e987982fbbd3",
        sha256=SHA256,
        magic="7f454c46",
        directory=False,
    ),
    events.NetworkEvent(
        at=AT,
        process=CURL,
        operation="connect",
        protocol="tcp",
        local_address="192.0.2.10",
        local_port=49152,
        address="2001:db8::7",
        port=443,
        domain="example.invalid",
    ),
    events.DnsEvent(
        at=AT,
        process=None,
        query="example.invalid",
        record_type="AAAA",
        response="2001:db8::7",
        server="192.0.2.53",
    ),
    events.RegistryEvent(
        at=AT,
        process=CURL,
        operation="set",
        key_path="HKLM\\Software\\Example\\Run",
        value_name="updater",
        value_data="C:\\updater.exe",
    ),
    events.ImageLoaded(
        at=AT,
        process=CURL,
        path="/usr/lib/libexample.so.1",
        sha256=SHA256,
        signature_status="Unsigned",
        signer="nobody",
        original_name="libexample.so",
        company="Example",
        product="Example library",
        description="Does examples",
    ),
    events.SecurityEvent(
        at=AT,
        process=None,
        operation="logon",
        user="ada",
        logon_type="network",
        source_address="192.0.2.20",
        service_name="sshd",
    ),
)

HELLO = messages.Hello(
    version_oldest=1,
    version_newest=1,
    agent_version="0.1.0",
    boot_id="5d1b0f5e-4f5c-4f0e-9d3f-0c8f3c1f2a11",
    sent_at=AT,
    platform=messages.Platform(
        os="linux",
        os_name="Debian GNU/Linux",
        os_version="12",
        kernel="6.1.0-18-amd64",
        architecture="x86_64",
        host_name="ada-laptop",
        addresses=["192.0.2.10", "2001:db8::10"],
        machine_id="3f5c1f0e2d4b4a6c8e7f9a0b1c2d3e4f",
    ),
    capabilities=["intel.apply", "session.open"],
    intel_revision=7,
    sequence=41,
)
STATUS = messages.StatusReport(
    sent_at=AT,
    started_at=AT - 3_600_000_000,
    sources=[
        messages.SourceHealth(
            name="ebpf",
            state="degraded",
            kinds=["process", "network"],
            blind_to=["dns"],
            reason="the kernel has no cgroup hooks",
        )
    ],
    counters={"process": messages.KindCounters(seen=100, filtered=3, recorded=96, lost=1)},
    cpu_percent=0.75,
    memory_bytes=48_234_496,
    store_bytes=1_073_741_824,
    store_oldest_at=AT - 86_400_000_000,
    disk_free_bytes=10_737_418_240,
    outbox_bytes=512,
    outbox_dropped=2,
    intel_revision=7,
    signals=130,
    problems=["The event store is on a disk with less than 1 GiB free."],
)
UP: tuple[messages.Upward, ...] = (
    HELLO,
    messages.Heartbeat(sent_at=AT),
    STATUS,
    messages.AlertRaised(
        id=FIRST_ID,
        intel_id=SECOND_ID,
        intel_revision=7,
        at=AT,
        event=EVENTS[3],
        process=CURL,
        matched=[
            messages.MatchedTerm(
                property="process.path",
                condition="ends with",
                value="/curl",
                found="/usr/bin/curl",
            )
        ],
    ),
    messages.InstructionCompleted(
        id=FIRST_ID, sequence=42, outcome="refused", detail="24 terms are allowed, not 25"
    ),
    messages.QuestionAnswered(
        id=FIRST_ID,
        question_id=SECOND_ID,
        outcome=questions.ANSWERED,
        rows=[["ada-laptop", "/usr/bin/curl"], ["ada-laptop", "größe\nand <b>more</b>"]],
        cut=3,
        failures=[
            questions.SensorFailure(name="Running Containers", reason="There is no Docker here.")
        ],
        part=1,
        parts=2,
        took=41_000,
    ),
)
DOWN: tuple[messages.Downward, ...] = (
    messages.Goodbye(reason="the gateway drains", retry_after=2.5),
    messages.Welcome(version=1, server_at=AT, heartbeat_interval=5.0, status_interval=60.0),
    messages.Acknowledge(ids=[FIRST_ID, SECOND_ID]),
    messages.Later(retry_after=30.0, reason="the console's disk is full"),
    messages.Instruct(envelope=b"\x01sealed"),
)
LIVE_UP: tuple[live.LiveUpward, ...] = (
    live.SessionOpened(session_id=FIRST_ID, host_name="ada-laptop", agent_version="0.1.0"),
    live.SearchStanding(search_id=3, total=1200, complete=False),
    live.SearchRefused(
        search_id=3,
        reason="unknown property process.pth",
        line=1,
        column=9,
        expected=("process.path", "process.pid"),
    ),
    live.EventRows(
        search_id=3,
        offset=0,
        through=1200,
        rows=[live.EventRow(id=number, event=event) for number, event in enumerate(EVENTS, 1)],
    ),
)
LIVE_DOWN: tuple[live.LiveDownward, ...] = (
    live.SearchEvents(search_id=3, expression="process.name is 'curl'", follow=True),
    live.FetchRows(search_id=3, offset=0, limit=500, through=1200),
    live.CancelSearch(search_id=3),
    live.CloseSession(reason="the analyst left"),
)
PROCESSES = questions.SensorCall(
    key="process.running", name="Running Processes", parameters={"with-hash": "1"}, columns=2
)
OWN_SENSOR = questions.SensorCall(
    key="custom.0192f000-0000-7000-8000-000000000002",
    name="Free Space of Home",
    script=questions.Script(
        language="shell",
        text="df --output=avail /home | tail -1",
        columns=1,
        separator="|",
        timeout=5.0,
        output_limit=4096,
        column_names=["Free Space of Home"],
        column_types=["bytes"],
    ),
    columns=1,
)
QUESTION = instructions.AskQuestion(
    question_id=SECOND_ID,
    selections=[
        questions.Selection(
            call=PROCESSES,
            only=questions.Comparison(
                call=PROCESSES, operator="contains", value="curl", column="Path"
            ),
        ),
        questions.Selection(call=OWN_SENSOR),
    ],
    filter=questions.AllOf(
        parts=[
            questions.Comparison(
                call=questions.SensorCall(key="computer.is_linux", name="Is Linux"),
                operator="is",
                value="True",
            ),
            questions.Not(
                part=questions.AnyOf(
                    parts=[
                        questions.Comparison(call=OWN_SENSOR, operator="less than", value="1024")
                    ]
                )
            ),
        ]
    ),
)
INSTRUCTIONS: tuple[instructions.AnyInstruction, ...] = (
    instructions.ApplyIntel(
        revision=7,
        signals=[
            instructions.SignalRule(
                intel_id=SECOND_ID,
                revision=2,
                name="Download by curl",
                definition="process.path ends with '/curl'",
                platforms=["linux"],
                techniques=["T1105"],
            )
        ],
    ),
    instructions.OpenSession(
        session_id=FIRST_ID, address="console.example:17475", ticket="one-time-ticket"
    ),
    instructions.ReplaceCertificate(address="console.example:17443"),
    QUESTION,
)


def tag_of(sample: msgspec.Struct) -> str:
    """Give the name that a struct has on the wire."""
    return str(type(sample).__struct_config__.tag)
