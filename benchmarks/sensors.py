"""What each sensor costs an endpoint in CPU, beside the command that tells about the same.

Every sensor of this platform runs as the agent's workers run it, the fork included; parameters come
from its definition. Its cost class promises less than 50 ms (instant) or less than 1 s (light). A
server has more processes than a test machine: `--processes 500` adds so many that sleep.

    .venv/bin/python -m benchmarks.sensors [--rounds 5] [--processes 0] [--only network] [--heavy]
"""

from __future__ import annotations

import argparse
import contextlib
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from agent.clock import wall_time
from agent.directories import Directories
from agent.machine import this_platform
from agent.sensors.calls import Known
from agent.sensors.collected import Collected, collect
from agent.sensors.context import SensorContext
from agent.sensors.isolation import become_worker
from agent.sensors.parameters import completed_parameters
from agent.sensors.running import run_isolated
from agent.sensors.worker import KNOWN
from sensors.definitions import JOB_PARAMETER, Cost, SensorDefinition

LIMIT_MS = {Cost.INSTANT: 50.0, Cost.LIGHT: 1000.0, Cost.HEAVY: float("inf")}
# Where a form's first suggestion would ask for little, or for something of another computer.
PARAMETERS = {"process": ".*", "path": ".*", "parameter": ".*", "variable": ".*", "name": "sshd"}
HASH_ALL = 'for p in /proc/[0-9]*/exe; do for h in md5 sha1 sha256; do "${h}sum" "$p"; done; done'
OPENSSL = "openssl x509 -noout -subject -issuer -dates -fingerprint -sha256"
BUNDLE = "/etc/ssl/certs/ca-certificates.crt"
RIVALS = {
    "certificates.trusted": f"awk -v c='{OPENSSL}' '/BEGIN/{{close(c)}};{{print|c}}' {BUNDLE}",
    "computer.ip_address": "ip -j addr",
    "disks.block_devices": "lsblk -J -a -b",
    "disks.free_space": "df -B1",
    "disks.mounts": "findmnt -J -l",
    "hardware.cpu": "lscpu -J",
    "hardware.memory": "free -b",
    "kernel.audit_status": "auditctl -s",
    "kernel.ebpf_programs": "bpftool -j prog",
    "kernel.parameters": "sysctl -a",
    "network.connections": "ss -H -tunap",
    "network.firewall_rules": "nft -j list ruleset",
    "network.interfaces": "ip -j -d addr",
    "network.listening": "ss -H -tulnp",
    "network.neighbours": "ip -j neigh",
    "network.routes": "ip -j route show table all",
    "process.open_files": "lsof -nP -d 0-9999",
    "process.running": "ps -eo pid,ppid,user,comm,args,lstart,rss,time",
    "process.running_with_hash": HASH_ALL,
    "persistence.autoruns": "dpkg-query -S /etc/profile /etc/crontab /etc/bash.bashrc",
    "process.tree": "pstree -pua",
    "software.installed": "dpkg-query -W -f '${Package} ${Version} ${Maintainer}'",
}


def cpu_ms(work: Callable[[], object]) -> float:
    """Measure the CPU time of this process and of its ended children."""
    before = _used()
    work()
    return 1000 * (_used() - before)


def _used() -> float:
    kinds = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    usages = [resource.getrusage(kind) for kind in kinds]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def measure(
    known: Known, definition: SensorDefinition, directories: Directories, rounds: int
) -> tuple[float, Collected]:
    """Run a sensor so often; return the median of its CPU time (ms) and its last rows."""
    given = {
        parameter.key: PARAMETERS.get(parameter.key) or next(iter(parameter.common_uses), "")
        for parameter in definition.parameters
        if parameter != JOB_PARAMETER and parameter.default is None
    }
    completed = completed_parameters(definition, given)
    function = known.functions[definition.key]
    columns = len(definition.result_columns or definition.columns)
    found = Collected()

    def run() -> None:
        nonlocal found
        context = SensorContext(
            now=wall_time(),
            platform=this_platform(),
            directories=directories,
            deadline=time.monotonic() + definition.timeout,
        )
        found = run_isolated(
            lambda: collect(function(context, completed), columns=columns), timeout=None
        )

    return statistics.median(cpu_ms(run) for _ in range(rounds)), found


def rival(command: str, rounds: int) -> float:
    """Run a command so often; return the median of its CPU time in ms, the shell's included."""

    def run() -> None:
        subprocess.run(["sh", "-c", command], capture_output=True, check=False)

    return statistics.median(cpu_ms(run) for _ in range(rounds))


@contextlib.contextmanager
def sleepers(count: int) -> Iterator[None]:
    """Have so many processes more."""
    asleep = [subprocess.Popen(["sleep", "3600"]) for _ in range(count)]
    try:
        yield
    finally:
        for one in asleep:
            one.kill()
        for one in asleep:
            one.wait()


def report(only: str, *, rounds: int, heavy: bool) -> None:
    """Print one line for each sensor."""
    become_worker()
    over = 0
    with tempfile.TemporaryDirectory() as home:
        directories = Directories.under(Path(home))
        directories.create()
        pids = sum(one.name.isdecimal() for one in Path("/proc").iterdir())
        print(f"{pids} processes; median of {rounds}; CPU in ms\n")
        print(f"{'sensor':34} {'class':8} {'rows':>6} {'CPU':>8} {'beside':>8}  command")
        for key, definition in sorted(KNOWN.definitions.items()):
            is_heavy = definition.cost is Cost.HEAVY
            if key not in KNOWN.functions or not key.startswith(only) or is_heavy > heavy:
                continue
            spent, found = measure(KNOWN, definition, directories, 1 if is_heavy else rounds)
            command = RIVALS.get(key, "")
            beside = f"{rival(command, rounds):8.1f}" if command else " " * 8
            late = spent > LIMIT_MS[definition.cost]
            over += late
            said = found.failure or ("OVER ITS CLASS" if late else command)
            print(
                f"{key:34} {definition.cost.value:8} {len(found.rows):6} {spent:8.1f} {beside}"
                f"  {said[:60]}"
            )
    print(f"\n{over} over their class")


def main() -> None:
    """Measure in a process of its own: a worker kills whatever it has started."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--processes", type=int, default=0, help="sleeping processes to add")
    parser.add_argument("--only", default="", help="keys that begin so")
    parser.add_argument("--heavy", action="store_true", help="run the jobs of heavy sensors, too")
    given = parser.parse_args()
    with sleepers(given.processes):
        measuring = os.fork()
        if measuring == 0:
            report(given.only, rounds=given.rounds, heavy=given.heavy)
            sys.stdout.flush()
            os._exit(0)
        os.waitpid(measuring, 0)


if __name__ == "__main__":
    main()
