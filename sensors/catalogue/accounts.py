"""Who may use an endpoint, who does, and who tried to."""

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

CATEGORY: Final = "Accounts"
_INCIDENT: Final = "Incident Response"

_USER: Final = Column("User")
_UID: Final = Column("User ID", ValueType.INTEGER)
_LOCAL: Final = (
    "Only local accounts (/etc/passwd, /etc/group): those of a directory service are not seen."
)
_FROM: Final = Column("From")
_TERMINAL: Final = Column("Terminal")
# A public key of SSH, as `agent.sensors.sshkeys.PublicKey.cells` gives it.
_KEY: Final = (
    Column("Type"),
    Column("Bits", ValueType.INTEGER),
    Column("Fingerprint"),
    Column("Comment"),
)
_WHICH: Final = Parameter(
    key="user",
    title="User",
    default="",
    help="One user's whole name. Empty: every user.",
    common_uses=("root",),
    max_length=256,
)
_MOST: Final = Parameter(
    key="max_rows",
    title="Most Rows",
    type=ParameterType.INTEGER,
    default="200",
    help="The newest so many, from 1 to 10000.",
    common_uses=("50", "200", "1000"),
    max_length=5,
)

SENSORS: Final = (
    SensorDefinition(
        key="accounts.users",
        name="Local Users",
        description="Every local account. Can Log In: its shell is one, and neither nologin nor "
        f"false; whether its password is locked is in Password Status. {_LOCAL}",
        category=CATEGORY,
        columns=(
            _USER,
            _UID,
            Column("Group ID", ValueType.INTEGER),
            Column("Full Name"),
            Column("Home", ValueType.PATH),
            Column("Shell", ValueType.PATH),
            Column("Can Log In", ValueType.BOOLEAN),
            Column("Groups"),
        ),
        platforms=(LINUX,),
        example='Get Local Users where Can Log In is "True" from all machines',
    ),
    SensorDefinition(
        key="accounts.groups",
        name="Local Groups",
        description="Every local group with its members, those for whom it is the first group "
        f"among them. {_LOCAL}",
        category=CATEGORY,
        columns=(Column("Group"), Column("Group ID", ValueType.INTEGER), Column("Members")),
        platforms=(LINUX,),
        example='Get Local Groups where Members contains "www-data" from all machines',
    ),
    SensorDefinition(
        key="accounts.administrators",
        name="Administrators",
        description="Who can become root: accounts with the user id 0, members of groups that "
        "usually may (sudo, wheel, admin, docker, lxd, disk), and every rule of sudoers with its "
        f"files. {_LOCAL} Rules of a directory service, polkit and doas are not seen.",
        category=CATEGORY,
        columns=(
            _USER,
            _UID,
            Column("Through"),
            Column("Rights"),
            Column("Without Password", ValueType.BOOLEAN),
            Column("Source", ValueType.PATH),
        ),
        platforms=(LINUX,),
        example="Get Computer Name and Administrators from all machines",
    ),
    SensorDefinition(
        key="accounts.logged_in",
        name="Logged In Users",
        description="Sessions that are open now, by utmp and by systemd's login service. Programs "
        "may forget to close theirs; connections that never get a session (file transfers over "
        "SSH, commands without a terminal) stand in the second only.",
        category=CATEGORY,
        columns=(
            _USER,
            _TERMINAL,
            _FROM,
            Column("Logged In", ValueType.INSTANT),
            Column("PID", ValueType.INTEGER),
            Column("Service"),
        ),
        platforms=(LINUX,),
        example="Get Computer Name and Logged In Users from all machines",
    ),
    SensorDefinition(
        key="accounts.last_logins",
        name="Last Logins",
        description="The last login of each local account, by lastlog, lastlog2, wtmp or wtmpdb, "
        "whichever is latest. Never used, as far as those go back: without an instant. Logs can be "
        "wiped.",
        category=CATEGORY,
        columns=(_USER, _UID, Column("Last Login", ValueType.INSTANT), _TERMINAL, _FROM),
        platforms=(LINUX,),
        cost=Cost.LIGHT,
        example="Get Computer Name and Last Logins from all machines",
    ),
    SensorDefinition(
        key="accounts.login_history",
        name="Login History",
        description="Logins that wtmp or wtmpdb has kept, newest first, with their end: a logout, "
        "a restart, or nothing while they are open. The last 8 MiB, or 100,000 rows, are read.",
        category=CATEGORY,
        columns=(
            _USER,
            _TERMINAL,
            _FROM,
            Column("Logged In", ValueType.INSTANT),
            Column("Logged Out", ValueType.INSTANT),
            Column("End"),
        ),
        parameters=(_MOST,),
        platforms=(LINUX,),
        cost=Cost.LIGHT,
        content_set=_INCIDENT,
        example='Get Login History["50"] from all machines',
    ),
    SensorDefinition(
        key="accounts.failed_logins",
        name="Failed Logins",
        description="Logins that failed, by btmp: one row for each user name and origin, with "
        "their number. People type passwords where a name is asked for: treat names as secrets. "
        "The last 8 MiB are read; SSH writes there for passwords only.",
        category=CATEGORY,
        columns=(
            _USER,
            _FROM,
            Column("Count", ValueType.INTEGER),
            Column("First", ValueType.INSTANT),
            Column("Last", ValueType.INSTANT),
            Column("Last Terminal"),
        ),
        platforms=(LINUX,),
        cost=Cost.LIGHT,
        content_set=_INCIDENT,
        example="Get Computer Name and Failed Logins from all machines",
    ),
    SensorDefinition(
        key="accounts.passwords",
        name="Password Status",
        description="How each local account's password stands: set, locked, none (whoever knows "
        "the name gets in) or unusable; the algorithm of its hash and its age. Hashes never leave "
        f"the endpoint. {_LOCAL}",
        category=CATEGORY,
        columns=(
            _USER,
            Column("Status"),
            Column("Algorithm"),
            Column("Changed", ValueType.INSTANT),
            Column("Age Days", ValueType.INTEGER),
            Column("Expires After Days", ValueType.INTEGER),
            Column("Account Expires", ValueType.INSTANT),
        ),
        platforms=(LINUX,),
        content_set=_INCIDENT,
        example='Get Password Status where Status is "none" from all machines',
    ),
    SensorDefinition(
        key="accounts.authorized_keys",
        name="SSH Authorized Keys",
        description="The keys with which SSH lets somebody in, of everybody with a home here, in "
        "every place that sshd_config names; links are followed to what their user may read. "
        "Keys from certificates, commands (AuthorizedKeysCommand) and directory services are not "
        "seen.",
        category=CATEGORY,
        columns=(
            _USER,
            *_KEY,
            Column("Options"),
            Column("Path", ValueType.PATH),
            Column("Leads To", ValueType.PATH),
            Column("Last Modified", ValueType.INSTANT),
        ),
        platforms=(LINUX,),
        content_set=_INCIDENT,
        example="Get Computer Name and SSH Authorized Keys from all machines",
    ),
    SensorDefinition(
        key="accounts.host_keys",
        name="SSH Host Keys",
        description="The public keys by which this computer's SSH server is known, from /etc/ssh. "
        "The same key on two computers means that one is a copy of the other.",
        category=CATEGORY,
        columns=(
            *_KEY,
            Column("Path", ValueType.PATH),
        ),
        platforms=(LINUX,),
        example="Get Computer Name and SSH Host Keys from all machines",
    ),
    SensorDefinition(
        key="accounts.private_keys",
        name="SSH Private Keys",
        description="The private keys in users' .ssh folders, with which one gets from here to "
        "other computers, and what protects each: a passphrase, or nothing. The keys themselves "
        "never leave the endpoint; where a file hides its fingerprint, the .pub file beside it "
        "gives it. Keys in other folders, in agents and on hardware are not seen.",
        category=CATEGORY,
        columns=(
            _USER,
            *_KEY,
            Column("Protection"),
            Column("Format"),
            Column("Path", ValueType.PATH),
            Column("Leads To", ValueType.PATH),
            Column("Last Modified", ValueType.INSTANT),
        ),
        platforms=(LINUX,),
        content_set=_INCIDENT,
        example="Get Computer Name and SSH Private Keys from all machines with SSH Private Keys "
        'containing "nothing"',
    ),
    SensorDefinition(
        key="accounts.shell_history",
        name="Shell History",
        description="What users typed into bash, zsh, fish and other shells and clients, from "
        "their history files: the last 4 MiB of each, newest last. A history that is a link, or no "
        "file, has a row that says so. Who is careful leaves none, a shell that is still open has "
        "not written its own yet, and commands may hold passwords.",
        category=CATEGORY,
        columns=(
            _USER,
            Column("Time", ValueType.INSTANT),
            Column("Command"),
            Column("Path", ValueType.PATH),
            Column("Line", ValueType.INTEGER),
        ),
        parameters=(
            _WHICH,
            Parameter(
                key="pattern",
                title="Pattern",
                type=ParameterType.REGULAR_EXPRESSION,
                default=".*",
                help="A regular expression that fits the whole command. Use .* for parts.",
                common_uses=(".*curl.*", ".*base64.*", ".*chattr.*", ".*/dev/tcp.*"),
            ),
            _MOST,
        ),
        platforms=(LINUX,),
        cost=Cost.LIGHT,
        content_set=_INCIDENT,
        example='Get Shell History["", ".*curl.*"] from all machines',
    ),
)
