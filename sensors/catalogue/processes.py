"""What runs: processes, their programs, and what they hold."""

from __future__ import annotations

from typing import Final

from sensors.definitions import (
    LINUX,
    Column,
    Cost,
    Parameter,
    ParameterType,
    SensorDefinition,
    ValueType,
)

CATEGORY: Final = "Processes"
_INCIDENT: Final = "Incident Response"

_NAME: Final = Column("Process Name")
_PATH: Final = Column("Process Path", ValueType.PATH)
_PID: Final = Column("PID", ValueType.INTEGER)
_USER: Final = Column("User")
_COMMAND: Final = Column("Command Line")
_STARTED: Final = Column("Start Time", ValueType.INSTANT)
_MD5: Final = Column("MD5", ValueType.HASH)
_SHA256: Final = Column("SHA-256", ValueType.HASH)
_ARGUMENTS: Final = (
    "Processes may change their own name and command line; kernel threads have neither path nor "
    "command line. The user is the effective one."
)
_HASHED: Final = (
    "The program is read through the process, so one that was deleted is hashed as well. Programs "
    "over 256 MiB, or for which no time is left, say so instead; interpreters hide their scripts."
)


def _which(default: str | None) -> Parameter:
    return Parameter(
        key="process",
        title="Process",
        default=default,
        help="A process id, or a regular expression that fits the whole name, path or command "
        "line. Use .* for parts." + ("" if default is None else " Empty: all processes."),
        common_uses=("1", "sshd", ".*/tmp/.*", ".*python.*"),
    )


_PATHS: Final = Parameter(
    key="path",
    title="Path",
    type=ParameterType.REGULAR_EXPRESSION,
    default=".*",
    help="A regular expression that fits the whole path. Use .* for parts.",
    common_uses=("/etc/.*", "/home/.*", ".*\\.so.*"),
)

SENSORS: Final = (
    SensorDefinition(
        key="process.running",
        name="Running Processes",
        description="Every process with its program, parent, user, command line, start, resident "
        f"memory and CPU time so far. {_ARGUMENTS}",
        category=CATEGORY,
        columns=(
            _NAME,
            _PATH,
            _PID,
            Column("Parent PID", ValueType.INTEGER),
            _USER,
            _COMMAND,
            _STARTED,
            Column("Memory", ValueType.BYTES),
            Column("CPU Time", ValueType.SECONDS),
        ),
        platforms=(LINUX,),
        cost=Cost.LIGHT,
        example='Get Running Processes containing "ssh" from all machines',
    ),
    SensorDefinition(
        key="process.running_with_hash",
        name="Running Processes with Hash",
        description=f"Every process that has a program, with the program's hashes. {_HASHED}",
        category=CATEGORY,
        columns=(
            _NAME,
            _PATH,
            _PID,
            _USER,
            _COMMAND,
            _MD5,
            Column("SHA-1", ValueType.HASH),
            _SHA256,
            Column("Not Hashed"),
        ),
        platforms=(LINUX,),
        cost=Cost.LIGHT,
        content_set=_INCIDENT,
        example="Get Running Processes with Hash from all machines",
        timeout=60.0,
    ),
    SensorDefinition(
        key="process.hash_match",
        name="MD5 Hash Match Files Executing",
        description="The processes whose program has one of the given hashes (MD5, SHA-1 or "
        f"SHA-256). {_HASHED}",
        category=CATEGORY,
        columns=(_NAME, _PATH, _PID, _USER, _COMMAND, _MD5, _SHA256, _STARTED),
        parameters=(
            Parameter(
                key="hashes",
                title="Hashes",
                help="MD5, SHA-1 or SHA-256 in hexadecimal, parted by commas or blanks; up to 500.",
                common_uses=("44d88612fea8a8f36de82e1278abb02f",),
                max_length=500 * 65,
            ),
        ),
        platforms=(LINUX,),
        cost=Cost.LIGHT,
        content_set=_INCIDENT,
        example='Get MD5 Hash Match Files Executing["44d88612fea8a8f36de82e1278abb02f"] '
        "from all machines",
        timeout=60.0,
    ),
    SensorDefinition(
        key="process.is_running",
        name="Is Process Running",
        description="Whether any process has this name: the one that it gives itself (at most 15 "
        "characters), that of its program's file, or the program's whole path.",
        category=CATEGORY,
        columns=(Column("Is Process Running", ValueType.BOOLEAN),),
        parameters=(
            Parameter(
                key="name",
                title="Process Name",
                help="The whole name, without regard to case.",
                common_uses=("sshd", "auditd", "dockerd"),
            ),
        ),
        platforms=(LINUX,),
        cost=Cost.LIGHT,
        example='Get Computer Name from machines with Is Process Running["sshd"] containing "True"',
    ),
    SensorDefinition(
        key="process.details",
        name="Process Details",
        description="All that the kernel tells of the processes that match: identity, users, "
        "folders, resources, privileges (effective capabilities as a bit mask), whether a debugger "
        f"is attached, security label and container. {_ARGUMENTS}",
        category=CATEGORY,
        columns=(
            _NAME,
            _PID,
            _PATH,
            _COMMAND,
            Column("Parent PID", ValueType.INTEGER),
            Column("Parent Name"),
            Column("Real User"),
            Column("Effective User"),
            Column("Login User"),
            Column("Working Folder", ValueType.PATH),
            Column("Root Folder", ValueType.PATH),
            _STARTED,
            Column("State"),
            Column("Threads", ValueType.INTEGER),
            Column("Niceness", ValueType.INTEGER),
            Column("Memory", ValueType.BYTES),
            Column("CPU Time", ValueType.SECONDS),
            Column("Capabilities"),
            Column("System Call Filter"),
            Column("Traced", ValueType.BOOLEAN),
            Column("Security Label"),
            Column("Container"),
        ),
        parameters=(_which(None),),
        platforms=(LINUX,),
        cost=Cost.LIGHT,
        content_set=_INCIDENT,
        example='Get Process Details["sshd"] from all machines',
    ),
    SensorDefinition(
        key="process.open_files",
        name="Process Open Files",
        description="The open descriptors of the processes that match: files, sockets, pipes and "
        "devices, how they were opened, and whether the file was deleted since. Files that are "
        "only mapped are not shown: see Process Loaded Code.",
        category=CATEGORY,
        columns=(
            _NAME,
            _PID,
            _USER,
            Column("Descriptor", ValueType.INTEGER),
            Column("Kind"),
            Column("Path", ValueType.PATH),
            Column("Access"),
            Column("Deleted", ValueType.BOOLEAN),
        ),
        parameters=(_which(None), _PATHS),
        platforms=(LINUX,),
        cost=Cost.LIGHT,
        content_set=_INCIDENT,
        example='Get Process Open Files["sshd", "/.*"] from all machines',
    ),
    SensorDefinition(
        key="process.environment",
        name="Process Environment",
        description="Environment variables of processes as they were when the program started. A "
        "process may overwrite them, and changes that it makes later are usually not seen. Values "
        "may be secrets: ask for the variables that you need.",
        category=CATEGORY,
        columns=(_NAME, _PID, _USER, Column("Variable"), Column("Value")),
        parameters=(
            Parameter(
                key="variable",
                title="Variable",
                type=ParameterType.REGULAR_EXPRESSION,
                help="A regular expression that fits the variable's whole name.",
                common_uses=("LD_.*", ".*_proxy", "PATH", "SSH_.*", "HISTFILE"),
            ),
            _which(""),
        ),
        platforms=(LINUX,),
        cost=Cost.LIGHT,
        content_set=_INCIDENT,
        example='Get Process Environment["LD_.*"] from all machines',
    ),
    SensorDefinition(
        key="process.loaded_code",
        name="Process Loaded Code",
        description="The program and the shared libraries that are mapped as code into the "
        "processes that match, and whether their file was deleted or replaced since. Code without "
        "a file (compiled at run time, injected) is not shown.",
        category=CATEGORY,
        columns=(
            _NAME,
            _PID,
            _USER,
            Column("Path", ValueType.PATH),
            Column("Deleted", ValueType.BOOLEAN),
        ),
        parameters=(_which(None), _PATHS),
        platforms=(LINUX,),
        cost=Cost.LIGHT,
        content_set=_INCIDENT,
        example='Get Process Loaded Code[".*", "/tmp/.*"] from all machines',
    ),
    SensorDefinition(
        key="process.deleted_executables",
        name="Deleted Executables Running",
        description="Processes whose program's file is gone, or never was in a folder (memory "
        "only). Replaced means that another file is there now, as after an update; one that is "
        "simply gone deserves a look.",
        category=CATEGORY,
        columns=(
            _NAME,
            _PATH,
            _PID,
            _USER,
            _COMMAND,
            _STARTED,
            Column("Memory Only", ValueType.BOOLEAN),
            Column("Replaced", ValueType.BOOLEAN),
            _SHA256,
        ),
        platforms=(LINUX,),
        cost=Cost.LIGHT,
        content_set=_INCIDENT,
        example='Get Deleted Executables Running where Replaced is "False" from all machines',
    ),
    SensorDefinition(
        key="process.tree",
        name="Process Tree",
        description="Processes below those that started them, each with the chain of its "
        "ancestors. Where a parent has ended, its place is taken by the process that adopted the "
        f"child. {_ARGUMENTS}",
        category=CATEGORY,
        columns=(
            Column("Tree"),
            _PID,
            Column("Parent PID", ValueType.INTEGER),
            _USER,
            Column("Ancestors"),
            _PATH,
            _COMMAND,
            _STARTED,
        ),
        parameters=(_which(""),),
        platforms=(LINUX,),
        cost=Cost.LIGHT,
        content_set=_INCIDENT,
        example='Get Process Tree["sshd"] from all machines',
    ),
)
