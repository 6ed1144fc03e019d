"""What the recorder has kept: processes, files, connections, names, logons."""

from __future__ import annotations

from typing import Final

from sensors.definitions import (
    LINUX,
    WINDOWS,
    Column,
    Cost,
    Parameter,
    ParameterType,
    SensorDefinition,
    ValueType,
)

CATEGORY: Final = "Recorded Events"
_WINDOWS_ONLY: Final = ("registry",)
_TRACE: Final = "Trace Analysis"

_TIME: Final = Column("Timestamp", ValueType.INSTANT)
_OPERATION: Final = Column("Operation")
_PROCESS: Final = Column("Process Path", ValueType.PATH)
_PID: Final = Column("PID", ValueType.INTEGER)
_USER: Final = Column("User")
_COMMAND: Final = Column("Command Line")
_HASHES: Final = (
    Column("MD5", ValueType.HASH),
    Column("SHA-1", ValueType.HASH),
    Column("SHA-256", ValueType.HASH),
)
_BOUNDS: Final = (
    "Searched is what the recorder kept: its filters left some events out, and the oldest are "
    "forgotten. Newest first."
)


def _text(key: str, title: str, *common_uses: str) -> Parameter:
    return Parameter(
        key=key,
        title=title,
        default="",
        help="A part of the text, or with “Treat input as regular expression” an expression for "
        "all of it: use .* for parts, and escape special characters. Empty: any.",
        common_uses=common_uses,
    )


_RANGE: Final = Parameter(
    key="time_range",
    title="Time Range",
    default="last 60 minutes",
    help="“last 60 minutes”, “last 7 days”, “2024-05-01 10:00 to 2024-05-01 12:00” (UTC), one "
    "day as “2024-05-01”, or “all”. A number alone is minutes.",
    common_uses=("last 60 minutes", "last 24 hours", "last 7 days", "all"),
    max_length=120,
)
_EXPRESSION: Final = Parameter(
    key="regex",
    title="Treat input as regular expression",
    type=ParameterType.BOOLEAN,
    default="0",
    help="RE2, without regard to case, for the whole text.",
)
_MOST: Final = Parameter(
    key="max_rows",
    title="Most Rows",
    type=ParameterType.INTEGER,
    default="100",
    help="The newest so many on each endpoint, at most 10000.",
    common_uses=("10", "100", "1000"),
    max_length=5,
)
_OPTIONS: Final = (_RANGE, _EXPRESSION, _MOST)
_PATH: Final = _text("process_path", "Process Path", "/home/", "curl", "python")


def _definition(
    key: str,
    name: str,
    description: str,
    *,
    columns: tuple[Column, ...],
    parameters: tuple[Parameter, ...],
    example: str,
) -> SensorDefinition:
    return SensorDefinition(
        key=f"events.{key}",
        name=name,
        description=f"{description} {_BOUNDS}",
        category=CATEGORY,
        columns=columns,
        parameters=(*parameters, *_OPTIONS),
        platforms=(WINDOWS,) if key in _WINDOWS_ONLY else (LINUX, WINDOWS),
        cost=Cost.LIGHT,
        content_set=_TRACE,
        example=example,
        timeout=60.0,
    )


SENSORS: Final = (
    _definition(
        "processes",
        "Trace Executed Processes",
        "Processes that were started, with their program, its hashes and their parent.",
        columns=(
            _TIME,
            _PROCESS,
            _COMMAND,
            _PID,
            _USER,
            Column("Parent Path", ValueType.PATH),
            Column("Parent Command Line"),
            Column("Parent PID", ValueType.INTEGER),
            *_HASHES,
            Column("Container"),
        ),
        parameters=(
            _PATH,
            _text("command_line", "Command Line", "base64 -d", "| sh", "nc -l"),
            _text("user", "User", "root", "www-data"),
            _text("parent_path", "Parent Path", "apache2", "nginx", "sshd"),
        ),
        example='Get Trace Executed Processes["/tmp/", "", "", "", "last 24 hours"] '
        "from all machines",
    ),
    _definition(
        "process_trees",
        "Trace Executed Process Trees",
        "Processes that were started, each with the chain of up to eight that led to it: the "
        "oldest first, by path.",
        columns=(_TIME, Column("Process Tree"), _COMMAND, _PID, _USER, _HASHES[2]),
        parameters=(
            _PATH,
            _text("command_line", "Command Line", "base64 -d", "| sh"),
            _text("ancestor_path", "Ancestor Path", "sshd", "apache2", "cron"),
        ),
        example='Get Trace Executed Process Trees["/bin/sh", "", "sshd"] from all machines',
    ),
    _definition(
        "process_hashes",
        "Trace Executed Process Hashes",
        "The programs that ran, once for each path and content, with how often and when last. "
        "Rows are counted within the newest 10,000 starts of the time range.",
        columns=(
            _PROCESS,
            *_HASHES,
            Column("Starts", ValueType.INTEGER),
            Column("Last Started", ValueType.INSTANT),
        ),
        parameters=(
            _PATH,
            Parameter(
                key="hash",
                title="Hash",
                default="",
                help="An MD5, SHA-1 or SHA-256 in hexadecimal, or its first digits. Empty: any.",
                max_length=64,
            ),
        ),
        example='Get Trace Executed Process Hashes["/tmp/"] from all machines',
    ),
    _definition(
        "files",
        "Trace File Operations",
        "Files that were created, written, renamed or deleted, or whose permissions changed, and "
        "who did it. Hashes are known of some files only. Reading is not recorded.",
        columns=(
            _TIME,
            _OPERATION,
            Column("File", ValueType.PATH),
            Column("Original File", ValueType.PATH),
            _PROCESS,
            _PID,
            _USER,
            _COMMAND,
            *_HASHES,
        ),
        parameters=(
            _text("file", "File", "/etc/passwd", "/etc/cron", ".ssh/authorized_keys"),
            _PATH,
            _text("operation", "Operation", "create", "write", "delete", "rename", "permission"),
        ),
        example='Get Trace File Operations[".ssh/authorized_keys"] from all machines',
    ),
    _definition(
        "network",
        "Trace Network Connections",
        "Connections that were made, accepted, refused or closed, and by whom. Domain: what the "
        "endpoint had looked up before.",
        columns=(
            _TIME,
            _OPERATION,
            Column("Protocol"),
            Column("Local Address", ValueType.IP_ADDRESS),
            Column("Local Port", ValueType.INTEGER),
            Column("Remote Address", ValueType.IP_ADDRESS),
            Column("Remote Port", ValueType.INTEGER),
            Column("Domain"),
            _PROCESS,
            _PID,
            _USER,
            _COMMAND,
            *_HASHES,
        ),
        parameters=(
            _text("address", "Remote Address", "10.", "192.168."),
            Parameter(
                key="port",
                title="Remote Port",
                default="",
                help="One port. Empty: any.",
                common_uses=("22", "443", "4444"),
                max_length=5,
            ),
            _PATH,
            _text("domain", "Domain", ".onion", "pastebin"),
            _text("operation", "Operation", "connect", "accept", "refuse", "close", "listen"),
        ),
        example='Get Trace Network Connections["", "4444"] from all machines',
    ),
    _definition(
        "dns",
        "Trace DNS Queries",
        "Names that processes asked for, and the answers. Encrypted questions (over HTTPS or TLS) "
        "are not seen.",
        columns=(
            _TIME,
            Column("Query"),
            Column("Type"),
            Column("Response"),
            Column("Server", ValueType.IP_ADDRESS),
            _PROCESS,
            _PID,
            _USER,
        ),
        parameters=(_text("query", "Query", ".onion", "pastebin", "duckdns"), _PATH),
        example='Get Trace DNS Queries["duckdns"] from all machines',
    ),
    _definition(
        "images",
        "Trace Loaded Modules",
        "Libraries that processes loaded and modules or drivers that the kernel loaded.",
        columns=(
            _TIME,
            Column("Module", ValueType.PATH),
            *_HASHES,
            Column("Signature"),
            Column("Signer"),
            _PROCESS,
            _PID,
            _USER,
        ),
        parameters=(_text("module", "Module", ".ko", "/home/"), _PATH),
        example='Get Trace Loaded Modules[".ko"] from all machines',
    ),
    _definition(
        "logons",
        "Trace Logon Events",
        "Logons, failed logons, logoffs and sessions, as the login programs told the audit system.",
        columns=(
            _TIME,
            _OPERATION,
            Column("Account"),
            Column("Type"),
            Column("Source Address"),
            Column("Service"),
            _PROCESS,
            _PID,
        ),
        parameters=(
            _text("account", "Account", "root"),
            _text("operation", "Operation", "logon failed", "authentication failed", "logon"),
            _text("source_address", "Source Address", "10."),
        ),
        example='Get Trace Logon Events["root", "failed", "", "last 24 hours"] from all machines',
    ),
    _definition(
        "registry",
        "Trace Registry Keys or Values",
        "Registry keys and values that were created, changed or deleted, and by whom.",
        columns=(
            _TIME,
            _OPERATION,
            Column("Key", ValueType.PATH),
            Column("Value Name"),
            Column("Value"),
            _PROCESS,
            _PID,
            _USER,
        ),
        parameters=(
            _text("key_path", "Key", "CurrentVersion\\Run"),
            _text("value_name", "Value Name"),
            _PATH,
        ),
        example='Get Trace Registry Keys or Values["CurrentVersion"] from all machines',
    ),
)
