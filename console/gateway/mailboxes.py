"""The copies in Redis of what waits: a mailbox for each endpoint, which its gateway reads.

A mailbox is a hash, sequence → sealed envelope. It lives as long as the longest-lived instruction
that was put into it, so that nothing stays for ever. One script serves hundreds of mailboxes: a
command for each would cost more than signing what is put in.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import islice
from typing import Any, Final, TypeVar
from uuid import UUID

import redis

from console.core.redis import WAKE_CHANNEL, client, instructions_key
from console.gateway.wakeups import SealedInstruction, encode_wake_up, wake_up_for

# What one command carries at most: Redis serves nobody else meanwhile.
_MAILBOXES_AT_ONCE: Final = 500
_BYTES_AT_ONCE: Final = 1024 * 1024

_PUT: Final = """
for at, mailbox in ipairs(KEYS) do
  local sequence, envelope, expires_at = ARGV[3 * at - 2], ARGV[3 * at - 1], ARGV[3 * at]
  redis.call('HSET', mailbox, sequence, envelope)
  if redis.call('EXPIRETIME', mailbox) < tonumber(expires_at) then
    redis.call('EXPIREAT', mailbox, expires_at)
  end
end
"""
_WITHDRAW: Final = """
for at, mailbox in ipairs(KEYS) do
  redis.call('HDEL', mailbox, ARGV[at])
end
"""

Address = tuple[UUID, int]
Letter = tuple[SealedInstruction, datetime]
_Part = TypeVar("_Part")


def put(letters: Iterable[Letter]) -> int:
    """Put instructions, each with the instant at which it expires, into mailboxes; tell how many.

    Gateways are woken after each part. Raises `redis.RedisError`; a part may be done then.
    """
    count = 0
    with client() as connection:
        for part in _parts_by_size(letters):
            _put_part(connection, part)
            count += len(part)
    return count


def withdraw(addresses: Iterable[Address]) -> None:
    """Take instructions out of their mailboxes again. Raises `redis.RedisError`."""
    with client() as connection:
        for part in _parts(addresses):
            keys = [instructions_key(endpoint_id) for endpoint_id, _ in part]
            connection.eval(_WITHDRAW, len(keys), *keys, *(sequence for _, sequence in part))


def missing(addresses: Iterable[Address]) -> Iterator[Address]:
    """Give those that are not in their mailboxes. Raises `redis.RedisError`."""
    with client() as connection:
        for part in _parts(addresses):
            with connection.pipeline(transaction=False) as pipeline:
                for endpoint_id, sequence in part:
                    pipeline.hexists(instructions_key(endpoint_id), str(sequence))
                found = pipeline.execute()
            yield from (address for address, exists in zip(part, found, strict=True) if not exists)


def _put_part(connection: redis.Redis, part: Sequence[Letter]) -> None:
    keys = [instructions_key(sealed.endpoint_id) for sealed, _ in part]
    arguments: list[Any] = []
    for sealed, expires_at in part:
        arguments += sealed.sequence, sealed.envelope, int(expires_at.timestamp())
    with connection.pipeline(transaction=False) as pipeline:
        pipeline.eval(_PUT, len(keys), *keys, *arguments)
        pipeline.publish(WAKE_CHANNEL, encode_wake_up(wake_up_for(sealed for sealed, _ in part)))
        pipeline.execute()


def _parts(whole: Iterable[_Part]) -> Iterator[list[_Part]]:
    remaining = iter(whole)
    while part := list(islice(remaining, _MAILBOXES_AT_ONCE)):
        yield part


def _parts_by_size(letters: Iterable[Letter]) -> Iterator[list[Letter]]:
    part: list[Letter] = []
    size = 0
    for letter in letters:
        part.append(letter)
        size += len(letter[0].envelope)
        if size >= _BYTES_AT_ONCE or len(part) >= _MAILBOXES_AT_ONCE:
            yield part
            part, size = [], 0
    if part:
        yield part
