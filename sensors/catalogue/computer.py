"""What the computer is: names, addresses, operating system, time."""

from __future__ import annotations

from typing import Final

from sensors.definitions import LINUX, Column, SensorDefinition, ValueType

CATEGORY: Final = "Computer"
_RESERVED: Final = "Reserved"

SENSORS: Final = (
    SensorDefinition(
        key="computer.name",
        name="Computer Name",
        description="The computer's host name as its operating system has it.",
        category=CATEGORY,
        columns=(Column("Computer Name"),),
        content_set=_RESERVED,
        example="Get Computer Name from all machines",
    ),
    SensorDefinition(
        key="computer.ip_address",
        name="IP Address",
        description="Every IPv4 and IPv6 address, loopback and link-local left out.",
        category=CATEGORY,
        columns=(Column("IP Address", ValueType.IP_ADDRESS),),
        content_set=_RESERVED,
        example="Get Computer Name and IP Address from all machines",
    ),
    SensorDefinition(
        key="computer.domain",
        name="Domain Name",
        description="The DNS domain and the fully qualified name that the computer gives itself: "
        "from its host name, its hosts file and, for the domain, resolv.conf. No name server is "
        "asked, so a name that only the DNS knows is not seen.",
        category=CATEGORY,
        columns=(Column("Domain Name"), Column("Fully Qualified Name")),
        platforms=(LINUX,),
        content_set=_RESERVED,
        example="Get Computer Name and Domain Name from all machines",
        aliases=("FQDN",),
    ),
    SensorDefinition(
        key="computer.id",
        name="Computer ID",
        description="The identifier by which the console knows this endpoint. Empty before the "
        "agent is enrolled.",
        category=CATEGORY,
        columns=(Column("Computer ID"),),
        content_set=_RESERVED,
        example="Get Computer Name and Computer ID from all machines",
    ),
    SensorDefinition(
        key="computer.machine_id",
        name="Machine ID",
        description="The operating system's own identifier (machine-id), made when it was "
        "installed. Computers with the same one are copies of one image.",
        category=CATEGORY,
        columns=(Column("Machine ID"),),
        platforms=(LINUX,),
        content_set=_RESERVED,
        example="Get Computer Name and Machine ID from all machines",
    ),
    SensorDefinition(
        key="computer.agent_version",
        name="Agent Version",
        description="The version of the Vedette agent that answers.",
        category=CATEGORY,
        columns=(Column("Agent Version", ValueType.VERSION),),
        content_set=_RESERVED,
        example="Get Agent Version from all machines",
    ),
    *(
        SensorDefinition(
            key=f"computer.is_{short.lower()}",
            name=f"Is {short}",
            description=f"Whether the computer runs {full}.",
            category=CATEGORY,
            columns=(Column(f"Is {short}", ValueType.BOOLEAN),),
            content_set=_RESERVED,
            example=f'Get Computer Name from machines with Is {short} containing "True"',
        )
        for short, full in (("Windows", "Windows"), ("Linux", "Linux"), ("Mac", "macOS"))
    ),
    SensorDefinition(
        key="computer.operating_system",
        name="Operating System",
        description="The operating system's name as it presents itself, for example a Linux "
        "distribution with its release.",
        category=CATEGORY,
        columns=(Column("Operating System"),),
        content_set=_RESERVED,
        example="Get Operating System from all machines",
    ),
    SensorDefinition(
        key="computer.operating_system_version",
        name="Operating System Version",
        description="The release of the operating system: VERSION_ID of a Linux distribution, "
        "elsewhere the system's own version number.",
        category=CATEGORY,
        columns=(Column("Operating System Version", ValueType.VERSION),),
        content_set=_RESERVED,
        example="Get Operating System and Operating System Version from all machines",
        aliases=("OS Version",),
    ),
    SensorDefinition(
        key="computer.kernel_version",
        name="Kernel Version",
        description="The release of the kernel that runs now, which may be older than the one "
        "installed: see Pending Reboot.",
        category=CATEGORY,
        columns=(Column("Kernel Version", ValueType.VERSION),),
        example="Get Kernel Version from all machines",
    ),
    SensorDefinition(
        key="computer.architecture",
        name="Architecture",
        description="The processor architecture of the running kernel, for example x86_64.",
        category=CATEGORY,
        columns=(Column("Architecture"),),
        example="Get Architecture from all machines",
    ),
    SensorDefinition(
        key="computer.uptime",
        name="Uptime",
        description="Time since the computer was started; time asleep counts.",
        category=CATEGORY,
        columns=(Column("Uptime", ValueType.SECONDS),),
        example='Get Computer Name from all machines with Uptime > "30 days"',
    ),
    SensorDefinition(
        key="computer.last_reboot",
        name="Last Reboot",
        description="The instant at which the running kernel was started.",
        category=CATEGORY,
        columns=(Column("Last Reboot", ValueType.INSTANT),),
        example="Get Computer Name and Last Reboot from all machines",
    ),
    SensorDefinition(
        key="computer.pending_reboot",
        name="Pending Reboot",
        description="Whether the computer waits for a restart, with one row for each reason: a "
        "package asked for it (/run/reboot-required, with the packages), or a newer kernel is "
        "installed than the one that runs. Replaced libraries in use are not seen here: see "
        "Deleted Executables Running.",
        category=CATEGORY,
        columns=(
            Column("Pending Reboot", ValueType.BOOLEAN),
            Column("Reason"),
            Column("Packages"),
        ),
        platforms=(LINUX,),
        example='Get Computer Name from all machines with Pending Reboot containing "True"',
    ),
    SensorDefinition(
        key="computer.system_time",
        name="System Time",
        description="The computer's clock, its time zone, and whether the kernel regards the "
        "clock as synchronised (by NTP or PTP) with the largest error that it assumes.",
        category=CATEGORY,
        columns=(
            Column("System Time", ValueType.INSTANT),
            Column("Time Zone"),
            Column("UTC Offset"),
            Column("Synchronised", ValueType.BOOLEAN),
            Column("Largest Error", ValueType.SECONDS),
        ),
        platforms=(LINUX,),
        example="Get Computer Name and System Time from all machines",
        aliases=("Time Zone",),
    ),
)
