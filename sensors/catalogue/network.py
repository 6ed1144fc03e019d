"""How the computer is connected, with whom, and what decides where its traffic goes."""

from __future__ import annotations

from typing import Final

from sensors.definitions import LINUX, Column, Cost, SensorDefinition, ValueType

CATEGORY: Final = "Network"
_INCIDENT: Final = "Incident Response"

_HOLDER: Final = (
    Column("Process Name"),
    Column("PID", ValueType.INTEGER),
    Column("Process Path", ValueType.PATH),
    Column("User"),
)
_NAMESPACE: Final = Column("Network Namespace")
_EVERY_NAMESPACE: Final = (
    "Containers and other network namespaces that have a process are seen as well. A socket that "
    "several processes share has a row for each; without a process it is the kernel's, or closing."
)
_OWN_NAMESPACE: Final = "Sees the network namespace of the agent, not those of containers."


def _address(name: str) -> Column:
    return Column(f"{name} Address", ValueType.IP_ADDRESS)


def _port(name: str) -> Column:
    return Column(f"{name} Port", ValueType.INTEGER)


SENSORS: Final = (
    SensorDefinition(
        key="network.listening",
        name="Listening Ports",
        description="Ports that take connections or packets from others (TCP, UDP, UDP-Lite; raw "
        f"sockets with the protocol's number as port), with the process. {_EVERY_NAMESPACE}",
        category=CATEGORY,
        columns=(Column("Protocol"), _address("Local"), _port("Local"), *_HOLDER, _NAMESPACE),
        platforms=(LINUX,),
        cost=Cost.LIGHT,
        example="Get Listening Ports from all machines",
        aliases=("Open Ports",),
    ),
    SensorDefinition(
        key="network.connections",
        name="Open Connections",
        description="TCP connections in every state and connected UDP sockets at this moment, "
        f"with the process. For the past, search the recorder's events. {_EVERY_NAMESPACE}",
        category=CATEGORY,
        columns=(
            Column("Protocol"),
            Column("State"),
            _address("Local"),
            _port("Local"),
            _address("Remote"),
            _port("Remote"),
            *_HOLDER,
            _NAMESPACE,
        ),
        platforms=(LINUX,),
        cost=Cost.LIGHT,
        example='Get Open Connections containing "established" from all machines',
    ),
    SensorDefinition(
        key="network.packet_sockets",
        name="Packet Capture Processes",
        description="Processes that hold a packet socket: they see traffic beneath TCP and UDP, "
        f"as sniffers do, but DHCP clients, too. {_EVERY_NAMESPACE}",
        category=CATEGORY,
        columns=(Column("Interface"), Column("Ethernet Protocol"), *_HOLDER, _NAMESPACE),
        platforms=(LINUX,),
        cost=Cost.LIGHT,
        content_set=_INCIDENT,
        example="Get Packet Capture Processes from all machines",
    ),
    SensorDefinition(
        key="network.promiscuous",
        name="Promiscuous Interfaces",
        description="Interfaces that take in packets which are not for them, and how many users "
        f"asked for that. Members of a bridge always do. {_OWN_NAMESPACE}",
        category=CATEGORY,
        columns=(
            Column("Interface"),
            Column("Kind"),
            Column("MAC Address"),
            Column("Promiscuity", ValueType.INTEGER),
        ),
        platforms=(LINUX,),
        content_set=_INCIDENT,
        example="Get Promiscuous Interfaces from all machines",
    ),
    SensorDefinition(
        key="network.interfaces",
        name="Network Interfaces",
        description="Each address of each network interface, loopback included, with the hardware "
        f"address, whether it is up, and its state. {_OWN_NAMESPACE}",
        category=CATEGORY,
        columns=(
            Column("Interface"),
            _address("IP"),
            Column("Prefix Length", ValueType.INTEGER),
            Column("MAC Address"),
            Column("Kind"),
            Column("Enabled", ValueType.BOOLEAN),
            Column("State"),
            Column("MTU", ValueType.INTEGER),
        ),
        platforms=(LINUX,),
        example="Get Computer Name and Network Interfaces from all machines",
        aliases=("Network Adapters",),
    ),
    SensorDefinition(
        key="network.mac_address",
        name="MAC Address",
        description=f"Every hardware address of the computer's interfaces. {_OWN_NAMESPACE}",
        category=CATEGORY,
        columns=(Column("MAC Address"),),
        platforms=(LINUX,),
        example="Get Computer Name and MAC Address from all machines",
    ),
    SensorDefinition(
        key="network.routes",
        name="Routes",
        description="The routes of every table, one row for each path; the kernel's own table of "
        f"local addresses is left out. {_OWN_NAMESPACE}",
        category=CATEGORY,
        columns=(
            Column("Destination"),
            Column("Gateway", ValueType.IP_ADDRESS),
            Column("Interface"),
            Column("Metric", ValueType.INTEGER),
            Column("Preferred Source", ValueType.IP_ADDRESS),
            Column("Type"),
            Column("Made By"),
            Column("Table"),
        ),
        platforms=(LINUX,),
        example='Get Routes containing "0.0.0.0/0" from all machines',
    ),
    SensorDefinition(
        key="network.neighbours",
        name="ARP Table",
        description="The neighbours that the computer spoke with lately, with their hardware "
        f"addresses: ARP and IPv6 neighbour discovery. {_OWN_NAMESPACE}",
        category=CATEGORY,
        columns=(
            _address("IP"),
            Column("MAC Address"),
            Column("Interface"),
            Column("State"),
        ),
        platforms=(LINUX,),
        example="Get ARP Table from all machines",
        aliases=("Neighbours",),
    ),
    SensorDefinition(
        key="network.dns_servers",
        name="DNS Servers",
        description="The servers that programs ask for names, from resolv.conf, and those behind "
        "a local resolver of systemd or NetworkManager. Programs with a resolver of their own "
        "(browsers) may ask others.",
        category=CATEGORY,
        columns=(Column("DNS Server", ValueType.IP_ADDRESS), Column("Source", ValueType.PATH)),
        platforms=(LINUX,),
        example="Get DNS Servers from all machines",
    ),
    SensorDefinition(
        key="network.dns_settings",
        name="DNS Configuration",
        description="All settings of the resolver (servers, search domains, options) with the "
        "file they stand in, and where host names are looked for first.",
        category=CATEGORY,
        columns=(Column("Setting"), Column("Value"), Column("Source", ValueType.PATH)),
        platforms=(LINUX,),
        example="Get DNS Configuration from all machines",
    ),
    SensorDefinition(
        key="network.hosts_entries",
        name="Hosts File Entries",
        description="Each name in /etc/hosts with its address: what is looked up there is asked of "
        "no server.",
        category=CATEGORY,
        columns=(_address("IP"), Column("Host Name"), Column("Comment")),
        platforms=(LINUX,),
        example="Get Hosts File Entries from all machines",
    ),
    SensorDefinition(
        key="network.proxies",
        name="Proxy Settings",
        description="Proxies that are set for the whole system, for package managers, container "
        "engines and root: from their configuration files. Passwords are not shown. What users and "
        "browsers set for themselves is not seen.",
        category=CATEGORY,
        columns=(Column("Setting"), Column("Value"), Column("Source", ValueType.PATH)),
        platforms=(LINUX,),
        example="Get Proxy Settings from all machines",
    ),
    SensorDefinition(
        key="network.firewall_rules",
        name="Firewall Rules",
        description="The rules of nftables, which include those of iptables-nft, and of legacy "
        "iptables; a chain without rules has one row with its policy. Needs the nft program, or "
        f"iptables-save. {_OWN_NAMESPACE}",
        category=CATEGORY,
        columns=(
            Column("Firewall"),
            Column("Family"),
            Column("Table"),
            Column("Chain"),
            Column("Hook"),
            Column("Policy"),
            Column("Handle", ValueType.INTEGER),
            Column("Rule"),
        ),
        platforms=(LINUX,),
        example="Get Firewall Rules from all machines",
    ),
)
