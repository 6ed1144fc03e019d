"""Run one sensor in a child of this process, and survive whatever it does.

The child sends back one message through a pipe. It may hang, crash, fork or eat its memory: at the
deadline, and in any case at its end, it is killed with everything that it started.
"""

from __future__ import annotations

import gc
import logging
import os
import select
import signal
import struct
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import PurePath
from typing import Final, NoReturn

import msgspec

from agent.sensors.collected import COLLECTED_BYTES, Collected
from agent.sensors.exceptions import SensorFailed, WorkerAbandoned
from agent.sensors.isolation import (
    MOST_PROCESSES,
    ForkWatch,
    become_sensor,
    enter_pid_namespace,
    kill_descendants,
)

log = logging.getLogger(__name__)

# More than a child may collect can only come from one that went wrong.
MESSAGE_BYTES: Final = 2 * COLLECTED_BYTES
LOOK_INTERVAL: Final = 0.25
TOO_MANY_PROCESSES: Final = f"The sensor started more than {MOST_PROCESSES} processes."
LENGTH: Final = struct.Struct(">Q")
PIECE: Final = 64 * 1024
ENDS_BY_ITSELF: Final = 1.0
# Text for an analyst, not a file.
REASON_CHARACTERS: Final = 500

_decoder: Final = msgspec.msgpack.Decoder(Collected)


def run_isolated(
    work: Callable[[], Collected],
    *,
    timeout: float | None,
    lifeline: int | None = None,
    stopped: Callable[[], str] = str,
    foreign: bool = False,
) -> Collected:
    """Do this work in a child; whatever happens to it, return what it gave or why it gave nothing.

    `timeout` is in seconds (None: no limit). `lifeline` is a descriptor that becomes readable when
    nobody wants the result any more: raises `WorkerAbandoned` then, with the child dead. `stopped`
    is asked several times a second, and ends the child when it returns a reason. `foreign` work is
    not the agent's own code: it gets a PID namespace, in which the kernel answers less (no audit).
    """
    receiver, sender = os.pipe()
    sys.stdout.flush()
    gc.freeze()
    pid = os.fork()
    if pid == 0:
        _be_child(work, sender, foreign=foreign)
    os.close(sender)
    try:
        raw, reason = _receive(receiver, timeout, lifeline, stopped)
        if reason:
            return Collected(failure=reason)
        return _read(raw, pid)
    finally:
        os.close(receiver)
        kill_descendants()
        gc.unfreeze()


def _be_child(work: Callable[[], Collected], sender: int, *, foreign: bool) -> NoReturn:
    """Do the work and tell the parent; never return into the parent's code."""
    try:
        if foreign:
            enter_pid_namespace()
        become_sensor({sender})
        packed = msgspec.msgpack.encode(_outcome_of(work))
        message = LENGTH.pack(len(packed)) + packed
        while message:
            message = message[os.write(sender, message) :]
    finally:
        # No exit handlers, no flushing: they are the parent's.
        os._exit(0)


def _outcome_of(work: Callable[[], Collected]) -> Collected:
    try:
        return work()
    except SensorFailed as error:
        return Collected(failure=_shortened(str(error)))
    except MemoryError:
        return Collected(failure="The sensor needed more memory than it may have.")
    except PermissionError as error:
        return Collected(failure=_shortened(f"The agent may not read {error.filename}."))
    # The boundary around a sensor: its faults are told to the analyst, and end with this process.
    except BaseException as error:
        log.debug("a sensor failed", exc_info=True)
        return Collected(failure=_shortened(_fault(error)))


def _fault(error: BaseException) -> str:
    places = traceback.extract_tb(error.__traceback__)
    place = f" ({PurePath(places[-1].filename).name}, line {places[-1].lineno})" if places else ""
    return f"The sensor failed: {type(error).__name__}: {error}{place}."


def _shortened(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= REASON_CHARACTERS else line[:REASON_CHARACTERS] + "…"


def _receive(
    receiver: int, timeout: float | None, lifeline: int | None, stopped: Callable[[], str]
) -> tuple[bytes, str]:
    """Read the child's message; or return why the child must be killed."""
    deadline = float("inf") if timeout is None else time.monotonic() + timeout
    received = bytearray()
    forks = ForkWatch()
    poll = select.poll()
    poll.register(receiver, select.POLLIN)
    if lifeline is not None:
        poll.register(lifeline, select.POLLIN)
    while True:
        left = deadline - time.monotonic()
        if left <= 0:
            return b"", f"The sensor did not end within {timeout:g} s."
        reason = stopped() or (TOO_MANY_PROCESSES if forks.is_bomb() else "")
        if reason:
            return b"", reason
        ready = [descriptor for descriptor, _event in poll.poll(1000 * min(left, LOOK_INTERVAL))]
        if lifeline in ready:
            raise WorkerAbandoned("nobody waits for this sensor any more")
        if receiver in ready:
            piece = os.read(receiver, PIECE)
            received += piece
            # Not only at its end: what a sensor forked still holds the pipe open.
            if not piece or _is_whole(received):
                return bytes(received[LENGTH.size :]), ""
            if len(received) > MESSAGE_BYTES:
                return b"", "The sensor gave more than an answer holds."


def _is_whole(received: bytearray) -> bool:
    if len(received) < LENGTH.size:
        return False
    (length,) = LENGTH.unpack_from(received)
    return len(received) >= LENGTH.size + int(length)


def _ended(pid: int) -> int:
    """Wait shortly for a child that has closed its pipe; return how it ended (0: as it should)."""
    deadline = time.monotonic() + ENDS_BY_ITSELF
    while time.monotonic() < deadline:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.001)
    return 0


def _read(raw: bytes, pid: int) -> Collected:
    try:
        return _decoder.decode(raw)
    except msgspec.MsgspecError:
        code = _ended(pid)
        if code < 0:
            return Collected(failure=f"The sensor crashed ({signal.Signals(-code).name}).")
        return Collected(failure="The sensor ended without an answer.")
