"""What runs inside the kernel, and what it enforces."""

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

CATEGORY: Final = "Kernel"
_INCIDENT: Final = "Incident Response"

SENSORS: Final = (
    SensorDefinition(
        key="kernel.modules",
        name="Kernel Modules",
        description="The loaded modules: size, users, state, marks that the kernel gave them (out "
        "of tree, unsigned, forced, proprietary), their file and whether it carries a signature. "
        "A module that /sys shows and the kernel's own list does not is called hidden. One that "
        "hides from both is not seen.",
        category=CATEGORY,
        columns=(
            Column("Module"),
            Column("Size", ValueType.BYTES),
            Column("Uses", ValueType.INTEGER),
            Column("Used By"),
            Column("State"),
            Column("Marks"),
            Column("Version"),
            Column("Path", ValueType.PATH),
            Column("Signed", ValueType.BOOLEAN),
        ),
        platforms=(LINUX,),
        cost=Cost.LIGHT,
        content_set=_INCIDENT,
        example='Get Kernel Modules containing "unsigned" from all machines',
    ),
    SensorDefinition(
        key="kernel.parameters",
        name="Kernel Parameters",
        description="Settings of the running kernel (sysctl) whose name fits. Those that only "
        "take values cannot be read and are left out.",
        category=CATEGORY,
        columns=(Column("Parameter"), Column("Value")),
        parameters=(
            Parameter(
                key="parameter",
                title="Parameter",
                type=ParameterType.REGULAR_EXPRESSION,
                help="A regular expression that fits the whole name.",
                common_uses=(
                    "kernel\\.modprobe",
                    "kernel\\.core_pattern",
                    "net\\.ipv4\\.ip_forward",
                    "kernel\\.(kptr_restrict|dmesg_restrict|randomize_va_space|yama\\..*)",
                    ".*",
                ),
            ),
        ),
        platforms=(LINUX,),
        cost=Cost.LIGHT,
        example='Get Kernel Parameters["net\\.ipv4\\.ip_forward"] from all machines',
        aliases=("Sysctl",),
    ),
    SensorDefinition(
        key="kernel.ebpf_programs",
        name="eBPF Programs",
        description="Programs that are loaded into the kernel's virtual machine: kind, name, who "
        "loaded them and when, and the processes that hold them. One without a process is pinned "
        "or attached. The agent's own recorder is among them.",
        category=CATEGORY,
        columns=(
            Column("Program ID", ValueType.INTEGER),
            Column("Kind"),
            Column("Name"),
            Column("Tag"),
            Column("User"),
            Column("Loaded", ValueType.INSTANT),
            Column("Processes"),
        ),
        platforms=(LINUX,),
        cost=Cost.LIGHT,
        content_set=_INCIDENT,
        example="Get eBPF Programs from all machines",
    ),
    SensorDefinition(
        key="kernel.command_line",
        name="Kernel Command Line",
        description="What the boot loader told the kernel: mitigations, audit, security modules "
        "and console settings stand here.",
        category=CATEGORY,
        columns=(Column("Kernel Command Line"),),
        platforms=(LINUX,),
        example="Get Kernel Command Line from all machines",
    ),
    SensorDefinition(
        key="kernel.secure_boot",
        name="Secure Boot",
        description="How the computer was started (UEFI or BIOS), whether the firmware checked "
        "signatures, whether it is in setup mode, and the kernel's lockdown.",
        category=CATEGORY,
        columns=(
            Column("Firmware"),
            Column("Secure Boot"),
            Column("Setup Mode", ValueType.BOOLEAN),
            Column("Kernel Lockdown"),
        ),
        platforms=(LINUX,),
        example="Get Secure Boot from all machines",
    ),
    SensorDefinition(
        key="kernel.audit_status",
        name="Audit Status",
        description="The kernel's audit system: whether it is on, who receives its records, and "
        "how many were lost since the start. The Vedette agent may use it itself.",
        category=CATEGORY,
        columns=(
            Column("Audit Status"),
            Column("Receiver PID", ValueType.INTEGER),
            Column("Receiver"),
            Column("Waiting", ValueType.INTEGER),
            Column("Backlog Limit", ValueType.INTEGER),
            Column("Lost", ValueType.INTEGER),
            Column("On Failure"),
        ),
        platforms=(LINUX,),
        example="Get Audit Status from all machines",
    ),
    SensorDefinition(
        key="kernel.security_modules",
        name="Security Modules",
        description="The security modules of the kernel: SELinux and AppArmor with their mode, "
        "and the others that are active.",
        category=CATEGORY,
        columns=(Column("Security Module"), Column("Mode"), Column("Detail")),
        platforms=(LINUX,),
        example="Get Security Modules from all machines",
        aliases=("SELinux Mode", "AppArmor Mode"),
    ),
)
