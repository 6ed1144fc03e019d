"""Show the agent's status to a person."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from agent.console_requests import shown
from agent.status_socket import LocalStatus
from protocol.messages import KindCounters, SourceHealth, StatusReport

NOMINAL = "Nominal"
ATTENTION_NEEDED = "Attention Needed"


def status_text(status: LocalStatus) -> str:
    """Return the whole status as lines for a terminal."""
    return "\n".join(_lines(status)) + "\n"


def instant_text(at: int) -> str:
    """Return an instant (microseconds since the epoch) as UTC text; `never` for 0."""
    if not at:
        return "never"
    return datetime.fromtimestamp(at // 1_000_000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def size_text(size: float) -> str:
    """Return a number of bytes with the unit in which people read it."""
    for unit in ("bytes", "KiB", "MiB"):
        if abs(size) < 1024:
            return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} GiB"


def _lines(status: LocalStatus) -> Iterator[str]:
    report = status.report
    yield f"Vedette agent {status.agent_version}, process {status.process_id}"
    yield f"  state         {ATTENTION_NEEDED if report.problems else NOMINAL}"
    for problem in report.problems:
        yield f"    ! {shown(problem)}"
    yield f"  endpoint      {status.endpoint_id}"
    yield f"  console       {status.gateway}: {_link_text(status)}"
    yield f"  certificate   valid until {instant_text(status.certificate_until_at)}"
    yield f"  running since {instant_text(report.started_at)}"
    memory = size_text(report.memory_bytes)
    yield f"  own use       {report.cpu_percent:.1f} % of one core, {memory}"
    yield f"  rules         {report.signals} Signals, revision {report.intel_revision}"
    yield (
        f"  outbox        {status.outbox_waiting} messages, {size_text(report.outbox_bytes)}, "
        f"{report.outbox_dropped} dropped"
    )
    yield from _store_lines(report)
    yield "  event sources"
    yield from map(_source_line, report.sources)
    yield f"  {'events':13} {'seen':>12} {'filtered':>12} {'recorded':>12} {'lost':>12}"
    for kind, counters in report.counters.items():
        yield _counter_line(kind, counters)


def _link_text(status: LocalStatus) -> str:
    if status.link == "connected":
        return f"connected since {instant_text(status.connected_at)}"
    return f"{status.link}. {shown(status.link_reason)}".rstrip(". ") + "."


def _store_lines(report: StatusReport) -> Iterator[str]:
    oldest = instant_text(report.store_oldest_at) if report.store_oldest_at else "no event yet"
    yield f"  event store   {size_text(report.store_bytes)}, oldest event: {oldest}"
    yield f"  disk          {size_text(report.disk_free_bytes)} free"


def _source_line(source: SourceHealth) -> str:
    line = f"    {source.name:18} {source.state:9} {', '.join(source.kinds)}"
    if source.blind_to:
        line += f" (cannot see {', '.join(source.blind_to)})"
    return f"{line}: {shown(source.reason)}" if source.reason else line


def _counter_line(kind: str, counters: KindCounters) -> str:
    numbers = (counters.seen, counters.filtered, counters.recorded, counters.lost)
    return f"    {kind:11} " + " ".join(f"{number:12}" for number in numbers)
