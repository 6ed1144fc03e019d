"""Against what each built-in sensor is held: no sensor is trusted by its own word.

Sensor → the test that compares it, and the truth: a command of the system that finds the same in
its own way, or what the test itself made (a file in the format of the manual page, a process, a
socket). `test_catalogue` refuses a sensor without one.
"""

from __future__ import annotations

from typing import Final, NamedTuple


class Truth(NamedTuple):
    """A test as `file::class::name`, and a word of its file that names the truth."""

    test: str
    truth: str


_ACCOUNTS: Final = "test_accounts.py"
_COMPUTER: Final = "test_computer.py"
_JOBS: Final = "test_jobs.py::TestJobSensors"
_HARDWARE: Final = "test_hardware.py::TestFirmware::test_says_what_the_computer_is"
_RECORDED: Final = "test_recorded.py::TestRecordedEvents"
_IN_NAMESPACE: Final = "test_network.py::TestInANamespace"
_RELEASE: Final = f"{_COMPUTER}::TestNames::test_of_the_system_are_those_of_its_release_file"
_COMMANDS: Final = f"{_COMPUTER}::TestNames::test_are_those_of_the_commands"
_START: Final = f"{_COMPUTER}::TestTimes::test_of_the_start_are_those_of_uptime"
_PLATFORM: Final = f"{_COMPUTER}::TestNames::test_tell_the_platform"
_SOCKETS: Final = "test_sockets.py::TestOnThisComputer::test_a_listener_and_its_connection_are_seen"
_RESULTS: Final = f"{_JOBS}::test_read_results_in_columns"

TRUTHS: Final = {
    "accounts.users": Truth(f"{_ACCOUNTS}::TestLocalUsers::test_are_those_of_getent", "getent"),
    "accounts.groups": Truth(f"{_ACCOUNTS}::TestLocalGroups::test_are_those_of_getent", "getent"),
    "accounts.administrators": Truth(
        f"{_ACCOUNTS}::TestAdministrators::test_are_found_in_every_way", "etc/sudoers"
    ),
    "accounts.logged_in": Truth("test_logins.py::TestLoggedInUsers::test_are_those_of_who", "who"),
    "accounts.last_logins": Truth(
        "test_logins.py::TestLastLogins::test_are_those_of_lastlog", "lastlog"
    ),
    "accounts.login_history": Truth(
        "test_logins.py::TestLoginHistory::test_is_that_of_last", "last"
    ),
    "accounts.failed_logins": Truth(
        "test_logins.py::TestFailedLogins::test_are_counted_as_lastb_lists_them", "lastb"
    ),
    "accounts.passwords": Truth(
        f"{_ACCOUNTS}::TestPasswordStatus::test_is_that_of_passwd", "passwd"
    ),
    "accounts.authorized_keys": Truth(
        "test_sshkeys.py::TestAuthorizedKeys::test_are_found_wherever_sshd_looks", "ssh-keygen"
    ),
    "accounts.host_keys": Truth(
        "test_sshkeys.py::TestHostKeys::test_are_public_ones_only", "ssh-keygen"
    ),
    "accounts.private_keys": Truth(
        "test_sshprivatekeys.py::TestPrivateKeys::test_agree_with_ssh_keygen", "ssh-keygen"
    ),
    "accounts.shell_history": Truth(
        "test_shellhistory.py::TestShellHistory::test_reads_what_bash_writes", "bash"
    ),
    "browsers.extensions": Truth(
        "test_browsers.py::TestBrowserExtensions::test_of_a_real_chromium_are_read", "chromium"
    ),
    "certificates.trusted": Truth(
        "test_certificates.py::TestTrustedCertificates::test_are_all_that_openssl_trusts", "openssl"
    ),
    "certificates.own": Truth(
        "test_certificates.py::TestMachineCertificates::test_agree_with_openssl", "openssl"
    ),
    "computer.name": Truth(_COMMANDS, "hostname"),
    "computer.ip_address": Truth(
        f"{_COMPUTER}::TestAddresses::test_are_those_that_reach_farther_than_the_link", "ip"
    ),
    "computer.domain": Truth(
        f"{_COMPUTER}::TestDomainName::test_is_that_of_the_hosts_file", "hostname"
    ),
    "computer.id": Truth(f"{_COMPUTER}::TestComputerId::test_is_the_enrolled_one", "enrol"),
    "computer.machine_id": Truth(
        f"{_COMPUTER}::TestNames::test_of_the_machine_is_that_of_systemd", "systemd-id128"
    ),
    "computer.agent_version": Truth(_COMMANDS, "__version__"),
    "computer.is_windows": Truth(_PLATFORM, "this_platform"),
    "computer.is_linux": Truth(_PLATFORM, "this_platform"),
    "computer.is_mac": Truth(_PLATFORM, "this_platform"),
    "computer.operating_system": Truth(_RELEASE, "/etc/os-release"),
    "computer.operating_system_version": Truth(_RELEASE, "/etc/os-release"),
    "computer.kernel_version": Truth(_COMMANDS, "uname"),
    "computer.architecture": Truth(_COMMANDS, "uname"),
    "computer.uptime": Truth(_START, "uptime"),
    "computer.last_reboot": Truth(_START, "uptime"),
    "computer.pending_reboot": Truth(
        f"{_COMPUTER}::TestPendingReboot::test_sees_a_newer_kernel", "boot/vmlinuz"
    ),
    "computer.system_time": Truth(
        f"{_COMPUTER}::TestTimes::test_of_the_clock_are_those_of_date", "date"
    ),
    "containers.list": Truth(
        "test_containers.py::TestContainers::test_are_read_from_every_engine", "podman"
    ),
    "disks.block_devices": Truth(
        "test_disks.py::TestBlockDevices::test_are_those_of_lsblk", "lsblk"
    ),
    "disks.mounts": Truth("test_disks.py::TestMounts::test_are_those_of_findmnt", "findmnt"),
    "disks.free_space": Truth("test_disks.py::TestFreeSpace::test_is_what_df_says", "df"),
    "environment.system": Truth(
        "test_environment.py::TestSystemEnvironment::test_has_what_a_shell_gets_from_it", "sh"
    ),
    "events.processes": Truth(
        f"{_RECORDED}::test_have_the_program_with_its_hash_and_parent", "sha256sum"
    ),
    "events.process_trees": Truth(f"{_RECORDED}::test_have_the_tree", "Popen"),
    "events.process_hashes": Truth(f"{_RECORDED}::test_count_programs_by_their_hash", "hashlib"),
    "events.files": Truth(f"{_RECORDED}::test_have_the_file", "open("),
    "events.network": Truth(f"{_RECORDED}::test_have_the_connection", "create_connection"),
    "events.dns": Truth(f"{_RECORDED}::test_have_the_question_to_a_name_server", "SOCK_DGRAM"),
    "events.images": Truth(
        "test_events.py::TestOtherTraces::test_show_names_modules_and_logons", "ImageLoaded"
    ),
    "events.logons": Truth(
        "test_events.py::TestOtherTraces::test_show_names_modules_and_logons", "SecurityEvent"
    ),
    "files.exists": Truth(
        "test_files.py::TestFileExists::test_counts_whatever_has_the_name", "symlink_to"
    ),
    "files.details": Truth("test_files.py::TestFileDetails::test_are_those_of_stat", "stat"),
    "files.listing": Truth("test_files.py::TestDirectoryListing::test_is_that_of_ls", "ls"),
    "files.recently_modified": Truth(
        "test_files.py::TestRecentlyModifiedFiles::test_are_those_of_find", "find"
    ),
    "files.search": Truth("test_files.py::TestSearchForFiles::test_finds_what_find_finds", "find"),
    "files.hash_match": Truth(
        "test_files.py::TestHashMatch::test_finds_each_kind_of_hash", "sha256sum"
    ),
    "hardware.manufacturer": Truth(_HARDWARE, "sys_vendor"),
    "hardware.model": Truth(_HARDWARE, "product_name"),
    "hardware.serial_number": Truth(_HARDWARE, "product_serial"),
    "hardware.chassis": Truth(_HARDWARE, "chassis_type"),
    "hardware.bios": Truth(_HARDWARE, "bios_version"),
    "hardware.cpu": Truth("test_hardware.py::TestCpu::test_is_what_lscpu_says", "lscpu"),
    "hardware.cpu_weaknesses": Truth(
        "test_hardware.py::TestCpu::test_weaknesses_are_those_of_lscpu", "lscpu"
    ),
    "hardware.memory": Truth("test_hardware.py::TestMemory::test_is_what_free_says", "free"),
    "hardware.virtual": Truth(
        "test_hardware.py::TestVirtualPlatform::test_is_what_systemd_detects", "systemd-detect-virt"
    ),
    "job.list": Truth(f"{_JOBS}::test_show_jobs_and_results", "JobFolder"),
    "job.results": Truth(f"{_JOBS}::test_show_jobs_and_results", "rows_file"),
    "job.has_files": Truth(f"{_JOBS}::test_show_jobs_and_results", "rows_file"),
    "job.cancel": Truth(f"{_JOBS}::test_cancel", "is_cancelled"),
    "kernel.modules": Truth("test_kernel.py::TestModules::test_are_those_of_lsmod", "lsmod"),
    "kernel.parameters": Truth(
        "test_kernel.py::TestParameters::test_are_those_of_sysctl", "sysctl"
    ),
    "kernel.ebpf_programs": Truth(
        "test_kernel.py::TestEbpfPrograms::test_are_those_of_bpftool", "bpftool"
    ),
    "kernel.command_line": Truth(
        "test_kernel.py::TestCommandLine::test_is_what_the_kernel_was_told", "/proc/cmdline"
    ),
    "kernel.secure_boot": Truth(
        "test_hardening.py::TestSecureBoot::test_is_what_the_firmware_says", "efivars"
    ),
    "kernel.audit_status": Truth(
        "test_hardening.py::TestAuditStatus::test_is_that_of_auditctl", "auditctl"
    ),
    "kernel.security_modules": Truth(
        "test_hardening.py::TestSecurityModules::test_are_shown_with_their_mode", "lsm"
    ),
    "network.listening": Truth(_SOCKETS, "ss"),
    "network.connections": Truth(_SOCKETS, "ss"),
    "network.packet_sockets": Truth(
        "test_sockets.py::TestInANamespace::test_packet_sockets_are_those_of_ss", "ss"
    ),
    "network.promiscuous": Truth(
        f"{_IN_NAMESPACE}::test_promiscuous_interfaces_are_those_of_ip", "ip"
    ),
    "network.interfaces": Truth(f"{_IN_NAMESPACE}::test_interfaces_are_those_of_ip", "ip"),
    "network.mac_address": Truth(f"{_IN_NAMESPACE}::test_hardware_addresses_are_those_of_ip", "ip"),
    "network.routes": Truth(f"{_IN_NAMESPACE}::test_routes_are_those_of_ip", "ip"),
    "network.neighbours": Truth(f"{_IN_NAMESPACE}::test_neighbours_are_those_of_ip", "ip"),
    "network.dns_servers": Truth(
        "test_netconfig.py::TestResolver::test_has_the_servers_of_its_file", "resolv.conf"
    ),
    "network.dns_settings": Truth(
        "test_netconfig.py::TestResolver::test_has_all_settings", "resolv.conf"
    ),
    "network.hosts_entries": Truth(
        "test_netconfig.py::TestHostsFile::test_is_what_getent_reads", "getent"
    ),
    "network.proxies": Truth(
        "test_netconfig.py::TestProxies::test_are_found_in_their_files", "etc/environment"
    ),
    "network.firewall_rules": Truth(
        "test_firewall.py::TestNftables::test_has_the_rules_of_nft", "nft"
    ),
    "persistence.scheduled_jobs": Truth(
        "test_persistence.py::TestScheduledJobs::test_have_the_timers_of_systemctl", "systemctl"
    ),
    "persistence.autoruns": Truth(
        "test_persistence.py::TestAutoruns::test_name_the_packages_that_dpkg_names", "dpkg-query"
    ),
    "process.running": Truth("test_processes.py::TestRunningProcesses::test_are_those_of_ps", "ps"),
    "process.running_with_hash": Truth(
        "test_processes.py::TestHashes::test_are_those_of_coreutils", "printed(f"
    ),
    "process.hash_match": Truth(
        "test_processes.py::TestHashes::test_find_the_processes_that_run_it", "started("
    ),
    "process.is_running": Truth(
        "test_processes.py::TestIsProcessRunning::test_is_true_for_any_of_its_names", "Popen"
    ),
    "process.details": Truth("test_processes.py::TestDetails::test_are_those_of_ps", "pwdx"),
    "process.open_files": Truth(
        "test_process_contents.py::TestOpenFiles::test_are_those_of_lsof", "lsof"
    ),
    "process.environment": Truth(
        "test_process_contents.py::TestEnvironment::test_is_what_ps_shows", "ps"
    ),
    "process.loaded_code": Truth(
        "test_process_contents.py::TestLoadedCode::test_is_what_pmap_shows", "pmap"
    ),
    "process.deleted_executables": Truth(
        "test_processes.py::TestDeletedExecutables::test_are_found_with_their_hash", "unlink"
    ),
    "process.tree": Truth(
        "test_processes.py::TestTree::test_has_the_ancestors_of_pstree", "pstree"
    ),
    "services.details": Truth(
        "test_services.py::TestSystemd::test_agrees_about_every_service", "systemctl"
    ),
    "services.is_running": Truth(
        "test_services.py::TestInitScripts::test_are_told_apart_by_name", "etc/init.d"
    ),
    "software.installed": Truth(
        "test_software.py::TestInstalledApplications::test_are_those_of_dpkg_query", "dpkg-query"
    ),
    "software.exists": Truth(
        "test_software.py::TestInstalledApplicationExists::test_wants_the_whole_name", "dpkg"
    ),
    "software.version": Truth(
        "test_software.py::TestInstalledApplicationExists::test_takes_names_that_are_no_expressions",
        "dpkg",
    ),
    "software.pending_updates": Truth(
        "test_software.py::TestPackageUpdatesPending::test_are_those_of_apt", "apt-get"
    ),
    "software.verify": Truth(
        "test_software.py::TestPackageFileVerification::test_agrees_with_dpkg", "dpkg"
    ),
    "status.threat_response": Truth(
        "test_status.py::TestThreatResponseStatus::test_is_nominal_when_all_is_well", "serve_status"
    ),
    "status.overall": Truth(
        "test_status.py::TestThreatResponseStatus::test_is_nominal_when_all_is_well", "serve_status"
    ),
    "status.certificate": Truth(
        "test_status.py::TestEndpointCertificate::test_is_installed_once_it_is_valid", "Authority"
    ),
    "status.database": Truth(
        "test_status.py::TestDatabase::test_is_configured_once_it_opens", "EventStore"
    ),
    "files.search.results": Truth(_RESULTS, "rows_file"),
    "files.hash_match.results": Truth(_RESULTS, "rows_file"),
    "software.pending_updates.results": Truth(_RESULTS, "rows_file"),
    "software.verify.results": Truth(_RESULTS, "rows_file"),
}
