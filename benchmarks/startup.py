"""C14: from `./vedette up` to a console that answers, the first time and later.

The first start makes `.venv` from cached packages in a fresh clone; the later ones find everything
there. Targets: 60 s and 5 s. Run it where the package cache is warm and the ports are free:

    .venv/bin/python benchmarks/startup.py [--rounds 5]
"""

from __future__ import annotations

import argparse
import os
import signal
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
FIRST, LATER = 60.0, 5.0
PORTS = {
    "VEDETTE_WEB_PORT": "19443",
    "VEDETTE_GATEWAY_PORT": "19472",
    "VEDETTE_SESSIONS_PORT": "19475",
    "VEDETTE_STATUS_PORT": "19444",
}


def seconds_to_ready(clone: Path, data: Path) -> tuple[float, float]:
    """Start, wait for the line that says ready, stop; return both durations in seconds."""
    environment = {**os.environ, **PORTS, "VEDETTE_DATA": str(data)}
    environment.pop("VIRTUAL_ENV", None)
    began = time.monotonic()
    process = subprocess.Popen(
        [clone / "vedette", "up"],
        cwd=clone,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    lines: list[str] = []
    assert process.stdout is not None
    for line in process.stdout:
        lines.append(line)
        if line.startswith("Ready after"):
            break
    ready = time.monotonic() - began
    began = time.monotonic()
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=120)
    if not any(line.startswith("Ready after") for line in lines):
        raise SystemExit("".join(lines))
    return ready, time.monotonic() - began


def main() -> None:
    """Print the durations beside the targets."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="later starts (default 5)")
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as temporary:
        clone, data = Path(temporary) / "vedette", Path(temporary) / "data"
        subprocess.run(["git", "clone", "-q", REPOSITORY, clone], check=True)
        first, _ = seconds_to_ready(clone, data)
        later = [seconds_to_ready(clone, data) for _ in range(rounds)]
    median = statistics.median(ready for ready, _ in later)
    stop = statistics.median(stopped for _, stopped in later)
    print(f"first start, packages cached   {first:6.1f} s   target {FIRST:g}")
    print(f"later start, median of {rounds:<2}      {median:6.1f} s   target {LATER:g}")
    print(f"Ctrl-C, median of {rounds:<2}           {stop:6.1f} s")


if __name__ == "__main__":
    main()
