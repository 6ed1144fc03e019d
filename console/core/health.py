"""Which programs are up: each one reports itself to Redis, and a report soon expires.

A program reports from the loop that does its work, so that one that hangs stops to count as alive.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import time
from dataclasses import dataclass
from typing import Any, Final

import redis
from django.db import DatabaseError, connection

from console.core.redis import alive_key, client

PROGRAMS: Final = ("web", "gateway", "sessions", "ingester", "worker", "beat")

# Seconds. A program that missed two reports in a row is down.
REPORT_INTERVAL: Final = 2.0
REPORT_LIFETIME: Final = 3 * REPORT_INTERVAL

_log: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ProgramState:
    """Whether one program works, and if not, the reason as a sentence."""

    name: str
    is_up: bool
    reason: str = ""


def report_alive(program: str) -> None:
    """Say that `program`, one of `PROGRAMS`, works. Raises `redis.RedisError`."""
    _redis().set(alive_key(program), int(time.time()), px=int(REPORT_LIFETIME * 1000))


def report_unable(program: str, reason: str) -> None:
    """Say that `program` runs and cannot do its work. Raises `redis.RedisError`.

    Everybody may read the reason: it names no address, path or user.
    """
    _redis().set(alive_key(program), reason, px=int(REPORT_LIFETIME * 1000))


async def keep_reporting(program: str) -> None:
    """Report `program` until cancelled; waits out a Redis that does not answer."""
    while True:
        try:
            await asyncio.to_thread(report_alive, program)
        except redis.RedisError:
            # Nobody can read the report now either; the health page names Redis as the reason.
            await asyncio.sleep(0)
        await asyncio.sleep(REPORT_INTERVAL)


def program_states() -> list[ProgramState]:
    """Tell the state of every program, of the database and of Redis, in a fixed order."""
    return [*_reported_states(), _database_state()]


def _reported_states() -> list[ProgramState]:
    try:
        reports = _redis().mget([alive_key(program) for program in PROGRAMS])
    except redis.RedisError as error:
        unknown = [ProgramState(name, False, "Redis does not answer") for name in PROGRAMS]
        return [*unknown, ProgramState("redis", False, _kind_of(error))]
    states = [_state_of(name, report) for name, report in zip(PROGRAMS, reports, strict=True)]
    return [*states, ProgramState("redis", True)]


def _state_of(name: str, report: Any) -> ProgramState:
    if report is None:
        return ProgramState(name, False, f"no report for {REPORT_LIFETIME:.0f} seconds")
    # An instant, or else what keeps the program from its work.
    is_up = report.isdigit()
    return ProgramState(name, is_up, "" if is_up else report.decode(errors="replace"))


def _database_state() -> ProgramState:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError as error:
        return ProgramState("database", False, _kind_of(error))
    return ProgramState("database", True)


def _kind_of(error: Exception) -> str:
    # The page needs no login: addresses, paths and user names stay in the log.
    _log.warning("%s: %s", type(error).__name__, error)
    return f"does not answer ({type(error).__name__})"


@functools.cache
def _redis() -> redis.Redis:
    return client()
