"""How much a machine did besides a benchmark: figures of time mean little without it."""

from __future__ import annotations

import psutil


def others_cpu() -> float:
    """Tell the CPU seconds of everything on this machine but the benchmark and its children.

    Children that have ended count for the benchmark.
    """
    machine = psutil.cpu_times()
    busy = sum(machine) - machine.idle - machine.iowait - machine.guest - machine.guest_nice
    here = psutil.Process()
    ended = here.cpu_times()
    ours = ended.children_user + ended.children_system
    for process in (here, *here.children(recursive=True)):
        times = process.cpu_times()
        ours += times.user + times.system
    return float(busy - ours)
