"""Answer questions on behalf of the agent, in a process of its own that may be killed.

Reads orders from standard input, and ends when that is closed. Sensors run in children of this
process: whatever they do, it survives and says so.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from functools import partial
from typing import BinaryIO, Final

from agent.directories import Directories
from agent.machine import this_platform
from agent.sensors.answering import answer
from agent.sensors.calls import Calls, Known
from agent.sensors.context import Row, SensorContext
from agent.sensors.exceptions import WorkerAbandoned
from agent.sensors.isolation import become_worker, kill_descendants
from agent.sensors.job_folder import JobFolder
from agent.sensors.orders import LARGEST, LENGTH, ORDER, Encoded, Finished, JobBegun, Order, framed
from agent.sensors.running import run_isolated
from agent.sensors.table import FUNCTIONS
from protocol.codec import UPWARD
from protocol.questions import SensorCall
from sensors.catalogue import BUILT_IN

KNOWN: Final = Known(definitions=BUILT_IN, functions=FUNCTIONS)
STANDARD_INPUT: Final = 0


def serve(directories: Directories) -> None:
    """Carry out orders until there are no more."""
    become_worker()
    # Sensors that print must not garble the answers.
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    # Unbuffered: what `select` sees must not have been read already.
    orders = os.fdopen(STANDARD_INPUT, "rb", buffering=0, closefd=False)
    try:
        while (order := _read_order(orders)) is not None:
            _carry_out(order, directories, replies)
            replies.flush()
    except (WorkerAbandoned, BrokenPipeError):
        # The agent was killed: so is everything that ran for it.
        kill_descendants()
        sys.stderr.close()
        os._exit(0)


def _carry_out(order: Order, directories: Directories, replies: BinaryIO) -> None:
    context = SensorContext(now=order.now, platform=this_platform(), directories=directories)
    jobs = JobFolder(directories.jobs)
    begun: list[str] = []

    def start_job(call: SensorCall, parameters: Mapping[str, str]) -> Row:
        job = jobs.begin(call, parameters, question_id=order.question.question_id, now=order.now)
        begun.append(job.id)
        return (job.id, job.state)

    calls = Calls(
        KNOWN,
        context,
        isolate=partial(run_isolated, lifeline=STANDARD_INPUT),
        start_job=start_job,
    )
    for part in answer(order.question, calls, endpoint_id=order.endpoint_id):
        replies.write(framed(Encoded(id=part.id, body=UPWARD.encode(part))))
    for job_id in begun:
        replies.write(framed(JobBegun(job_id=job_id)))
    replies.write(framed(Finished()))


def _read_order(orders: BinaryIO) -> Order | None:
    head = _read_exactly(orders, LENGTH.size)
    if head is None:
        return None
    (length,) = LENGTH.unpack(head)
    if length > LARGEST:
        raise WorkerAbandoned("an order of no possible length")
    packed = _read_exactly(orders, length)
    return None if packed is None else ORDER.decode(packed)


def _read_exactly(orders: BinaryIO, length: int) -> bytes | None:
    """Read so many bytes, or return None when there are no more orders."""
    read = bytearray()
    while len(read) < length:
        piece = orders.read(length - len(read))
        if not piece:
            return None
        read += piece
    return bytes(read)
