"""Files on an endpoint's disks."""

from __future__ import annotations

from typing import Final

from sensors.definitions import (
    JOB_COLUMNS,
    JOB_PARAMETER,
    LINUX,
    Column,
    Cost,
    Parameter,
    ParameterType,
    SensorDefinition,
    ValueType,
)

CATEGORY: Final = "Files"
_INCIDENT: Final = "Incident Response"

_PATH: Final = Column("Path", ValueType.PATH)
_SIZE: Final = Column("Size", ValueType.BYTES)
_MODIFIED: Final = Column("Last Modified", ValueType.INSTANT)
_CHANGED: Final = Column("Changed", ValueType.INSTANT)
_OWNER: Final = Column("Owner")
_GROUP: Final = Column("Group")
_MODE: Final = Column("Permissions")
_HASHES: Final = (
    Column("MD5", ValueType.HASH),
    Column("SHA-1", ValueType.HASH),
    Column("SHA-256", ValueType.HASH),
)
_WALK: Final = (
    "Folders are read to any depth, on local disks only: network file systems, /proc, /sys and "
    "other file systems of the kernel are left out, links are not followed, and what the agent may "
    "not read is skipped."
)
_MOST: Final = Parameter(
    key="max_rows",
    title="Most Rows",
    type=ParameterType.INTEGER,
    default="1000",
    help="From 1 to 100000; what is more is counted as left out.",
    common_uses=("100", "1000", "10000"),
    max_length=6,
)


def _path(title: str, help_text: str, *common_uses: str, default: str | None = None) -> Parameter:
    return Parameter(
        key="folder" if "Folder" in title else "path",
        title=title,
        type=ParameterType.PATH,
        default=default,
        help=help_text,
        common_uses=common_uses,
        max_length=4096,
    )


_FILE: Final = _path("Path", "The whole path, from / on.", "/etc/passwd", "/usr/bin/sudo")
_FOLDER: Final = _path("Folder", "The whole path, from / on.", "/etc", "/home", "/var/www")

SENSORS: Final = (
    SensorDefinition(
        key="files.exists",
        name="File Exists",
        description="Whether there is anything at this path: a file, a folder, a link (even one "
        "that leads nowhere) or a device.",
        category=CATEGORY,
        columns=(Column("File Exists", ValueType.BOOLEAN),),
        parameters=(_FILE,),
        platforms=(LINUX,),
        example='Get Computer Name from machines with File Exists["/etc/ld.so.preload"] '
        'containing "True"',
    ),
    SensorDefinition(
        key="files.details",
        name="File Details",
        description="All about one file: kind, size, owner, permissions (with setuid and "
        "attributes), instants, hashes, the package that it came with, where a link leads, and the "
        "first 16 bytes. Files over 256 MiB are not hashed.",
        category=CATEGORY,
        columns=(
            _PATH,
            Column("Kind"),
            _SIZE,
            _OWNER,
            _GROUP,
            _MODE,
            Column("Attributes"),
            _MODIFIED,
            _CHANGED,
            Column("Accessed", ValueType.INSTANT),
            Column("Created", ValueType.INSTANT),
            *_HASHES,
            Column("Package"),
            Column("Leads To", ValueType.PATH),
            Column("First Bytes"),
            Column("Inode", ValueType.INTEGER),
            Column("Links", ValueType.INTEGER),
        ),
        parameters=(_FILE,),
        platforms=(LINUX,),
        cost=Cost.LIGHT,
        content_set=_INCIDENT,
        example='Get File Details["/usr/bin/sudo"] from all machines',
    ),
    SensorDefinition(
        key="files.listing",
        name="Directory Listing",
        description="What is in one folder, not in the folders below it.",
        category=CATEGORY,
        columns=(
            Column("Name"),
            Column("Kind"),
            _SIZE,
            _OWNER,
            _GROUP,
            _MODE,
            _MODIFIED,
            Column("Leads To", ValueType.PATH),
        ),
        parameters=(_FOLDER,),
        platforms=(LINUX,),
        cost=Cost.LIGHT,
        content_set=_INCIDENT,
        example='Get Directory Listing["/etc/cron.d"] from all machines',
    ),
    SensorDefinition(
        key="files.recently_modified",
        name="Recently Modified Files",
        description="Files in a folder, and below it, whose content or state changed within the "
        "last minutes. Changed is kept by the kernel and cannot be set back as Last Modified can. "
        f"A folder of more than 500,000 entries is refused. {_WALK}",
        category=CATEGORY,
        columns=(_PATH, _SIZE, _OWNER, _MODE, _MODIFIED, _CHANGED),
        parameters=(
            _FOLDER,
            Parameter(
                key="minutes",
                title="Minutes",
                type=ParameterType.INTEGER,
                default="60",
                help="How far back to look.",
                common_uses=("60", "1440", "10080"),
                max_length=8,
            ),
            _MOST,
        ),
        platforms=(LINUX,),
        cost=Cost.LIGHT,
        content_set=_INCIDENT,
        example='Get Recently Modified Files["/etc", "1440"] from all machines',
    ),
    SensorDefinition(
        key="files.search",
        name="Incident Response - Search for Files",
        description="Finds files and folders by name, as a job. A pattern is a name with * and ?, "
        f"or a regular expression that fits the whole path. {_WALK}",
        category=CATEGORY,
        columns=JOB_COLUMNS,
        result_columns=(_PATH, Column("Kind"), _SIZE, _OWNER, _MODE, _MODIFIED, _CHANGED),
        parameters=(
            Parameter(
                key="pattern",
                title="Pattern of files to match",
                help="*.sh, id_rsa, or with “Treat input as regular expression” /home/.*/id_.*",
                common_uses=("*.sh", "id_rsa*", "*.php", "*mimikatz*"),
            ),
            JOB_PARAMETER,
            _path("Folder", "Where to begin.", "/", "/home", "/var", default="/"),
            Parameter(
                key="regex",
                title="Treat input as regular expression",
                type=ParameterType.BOOLEAN,
                default="0",
                help="RE2, without regard to case, for the whole path.",
            ),
            _MOST,
        ),
        platforms=(LINUX,),
        cost=Cost.HEAVY,
        content_set=_INCIDENT,
        example='Get Incident Response - Search for Files["id_rsa*", "case-17", "/home"] '
        "from all machines",
    ),
    SensorDefinition(
        key="files.hash_match",
        name="Incident Response - MD5 Hash Match Files",
        description="Finds files by hash (MD5, SHA-1 or SHA-256), as a job that reads every file "
        f"of a folder and below it: on a whole disk that takes long. {_WALK}",
        category=CATEGORY,
        columns=JOB_COLUMNS,
        result_columns=(_PATH, _SIZE, _OWNER, _MODE, _MODIFIED, _CHANGED, *_HASHES),
        parameters=(
            Parameter(
                key="hashes",
                title="Hashes",
                help="MD5, SHA-1 or SHA-256 in hexadecimal, parted by commas or blanks; up to 500.",
                common_uses=("44d88612fea8a8f36de82e1278abb02f",),
                max_length=500 * 65,
            ),
            JOB_PARAMETER,
            _path("Folder", "Where to begin.", "/home", "/usr/bin", "/var", default="/"),
            Parameter(
                key="largest",
                title="Largest File",
                type=ParameterType.INTEGER,
                default="104857600",
                help="Larger files are not read. In bytes.",
                common_uses=("10485760", "104857600", "1073741824"),
                max_length=15,
            ),
        ),
        platforms=(LINUX,),
        cost=Cost.HEAVY,
        content_set=_INCIDENT,
        example='Get Incident Response - MD5 Hash Match Files["44d88612fea8a8f36de82e1278abb02f", '
        '"case-18", "/home"] from all machines',
    ),
)
