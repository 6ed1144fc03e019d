"""Turn batches of gateways into rows: decode, hand to the registered handlers, commit, then ack.

What is read at once is one transaction, in which every handler gets all messages of its type. A
message whose handler fails is set aside on the dead-letter stream and never blocks the others.
When the database itself cannot store anything, nothing is acknowledged and it is tried again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

import msgspec
import structlog
from django.db import DatabaseError, transaction

from console.audit.services import REFUSED, record_audit_event
from console.core.actor import Actor
from console.endpoints.services import record_hello, record_status
from console.gateway.batches import Batch, Item, Notice
from console.gateway.exceptions import StorageUnavailable
from console.gateway.services import complete_instructions, record_notices
from console.modules import Received, message_handlers
from protocol.codec import UPWARD
from protocol.exceptions import ProtocolError
from protocol.messages import Hello, InstructionCompleted, Message, StatusReport

log: structlog.stdlib.BoundLogger = structlog.get_logger()

Handler = Callable[[Sequence[Received]], None]

# What SQLite says when it cannot write at all, as opposed to not this row.
_SQLITE_STORAGE: Final = (
    "SQLITE_BUSY",
    "SQLITE_LOCKED",
    "SQLITE_FULL",
    "SQLITE_IOERR",
    "SQLITE_CANTOPEN",
    "SQLITE_READONLY",
    "SQLITE_CORRUPT",
    "SQLITE_NOTADB",
    "SQLITE_NOMEM",
)
# The same by PostgreSQL's classes of SQLSTATE (appendix A of its manual): connection, rollback by
# deadlock, resources, object in use, operator intervention, system error; and a read-only server.
_POSTGRES_STORAGE: Final = ("08", "40", "53", "55", "57", "58", "25006")

_IN_WORDS: Final = (
    (("SQLITE_BUSY", "SQLITE_LOCKED", "55P03", "40"), "the database is locked"),
    (("SQLITE_FULL", "53100"), "the disk of the database is full"),
    (("SQLITE", "53", "55", "57", "58", "25"), "the database takes nothing"),
)


class SetAside(msgspec.Struct, frozen=True):
    """A message that nobody could store, and why."""

    item: Item
    reason: str


class Decoded(msgspec.Struct, frozen=True):
    """A message with where it came from."""

    item: Item
    message: Any

    @property
    def received(self) -> Received:
        """Return what handlers take."""
        return (self.item.endpoint_id, self.message, self.item.received_at)


def all_handlers() -> dict[type[Message], Handler]:
    """Map every message that is stored to its service: the console's own and the modules'."""
    return {
        Hello: record_hello,
        StatusReport: record_status,
        InstructionCompleted: complete_instructions,
        **message_handlers(),
    }


def store_batches(
    batches: Sequence[Batch], handlers: Mapping[type[Message], Handler]
) -> list[SetAside]:
    """Store everything in these batches and return what could not be stored.

    Idempotent as far as the handlers are. Raises `StorageUnavailable` when the database cannot
    store anything now; nothing of the batches is stored then, or what is will be stored again.
    """
    decoded, refused = _decode(batches, handlers)
    notices = [notice for batch in batches for notice in batch.notices]
    try:
        _store_together(decoded, notices, handlers)
    except Exception as error:  # noqa: BLE001 - handlers are modules': find out which message it was
        _raise_if_unavailable(error)
        log.warning("ingest.batch_failed", messages=len(decoded), reason=_sentence(error))
        refused += _store_one_by_one(decoded, notices, handlers)
    if refused:
        _record_refused(refused)
    return refused


def _decode(
    batches: Sequence[Batch], handlers: Mapping[type[Message], Handler]
) -> tuple[list[Decoded], list[SetAside]]:
    decoded: list[Decoded] = []
    refused: list[SetAside] = []
    for batch in batches:
        for item in batch.items:
            try:
                message = UPWARD.decode(item.encoded)
            except ProtocolError as error:
                refused.append(SetAside(item, _sentence(error)))
                continue
            if type(message) in handlers:
                decoded.append(Decoded(item, message))
            else:
                refused.append(SetAside(item, f"nobody stores {type(message).__name__}"))
    return decoded, refused


@transaction.atomic(durable=True)
def _store_together(
    decoded: Sequence[Decoded],
    notices: Sequence[Notice],
    handlers: Mapping[type[Message], Handler],
) -> None:
    for kind, handler in handlers.items():
        received = [each.received for each in decoded if type(each.message) is kind]
        if received:
            handler(received)
    if notices:
        record_notices(notices)


def _store_one_by_one(
    decoded: Sequence[Decoded],
    notices: Sequence[Notice],
    handlers: Mapping[type[Message], Handler],
) -> list[SetAside]:
    refused: list[SetAside] = []
    for each in decoded:
        try:
            _store_together([each], (), handlers)
        except Exception as error:  # noqa: BLE001 - as above; the message is kept and reported
            _raise_if_unavailable(error)
            refused.append(SetAside(each.item, _sentence(error)))
    _store_together((), notices, handlers)
    return refused


def _record_refused(refused: Sequence[SetAside]) -> None:
    """Tell the administrator once per endpoint and reason, however many messages it were."""
    found: dict[tuple[UUID, str], int] = {}
    for each in refused:
        key = (each.item.endpoint_id, each.reason)
        found[key] = found.get(key, 0) + 1
    try:
        with transaction.atomic(durable=True):
            for (endpoint_id, reason), count in found.items():
                record_audit_event(
                    actor=Actor.system("ingester"),
                    action="message.set_aside",
                    subject_type="endpoints.endpoint",
                    subject_id=str(endpoint_id),
                    outcome=REFUSED,
                    detail={"messages": count, "reason": reason},
                    now=datetime.now(UTC),
                )
    except DatabaseError as error:
        _raise_if_unavailable(error)
        raise


def _raise_if_unavailable(error: Exception) -> None:
    if isinstance(error, DatabaseError) and _is_storage_failure(error):
        raise StorageUnavailable(_sentence(error), shown=trouble_of(error)) from error


def trouble_of(error: DatabaseError) -> str:
    """Say what is wrong with the database in words that name no address, path or user."""
    names = [_name_of(cause) for cause in _causes(error)]
    for beginnings, words in _IN_WORDS:
        if any(name.startswith(beginnings) for name in names):
            return words
    return "the database does not answer"


def _name_of(cause: BaseException) -> str:
    return str(getattr(cause, "sqlite_errorname", None) or getattr(cause, "sqlstate", None) or "")


def _is_storage_failure(error: DatabaseError) -> bool:
    return any(_names_storage(cause) for cause in _causes(error))


def _names_storage(cause: BaseException) -> bool:
    if name := getattr(cause, "sqlite_errorname", None):
        return str(name).startswith(_SQLITE_STORAGE)
    if not hasattr(cause, "sqlstate"):
        return False
    # A connection that broke has no state to tell.
    return cause.sqlstate is None or str(cause.sqlstate).startswith(_POSTGRES_STORAGE)


def _causes(error: BaseException) -> Iterator[BaseException]:
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__


def _sentence(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:500]
