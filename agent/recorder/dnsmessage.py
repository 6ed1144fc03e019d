"""Read the question out of a DNS message (RFC 1035, section 4).

The bytes come from any process that sends to port 53, so nothing in them is trusted: a message
that is not a plain question is refused.
"""

from __future__ import annotations

import struct
from typing import Final

from agent.recorder.exceptions import MalformedRecord
from protocol.events import text_from_os

_HEADER: Final = struct.Struct(">HHHHHH")
_LONGEST_NAME: Final = 255
_COMPRESSED: Final = 0xC0
# https://www.iana.org/assignments/dns-parameters: the types that are asked for in practice.
TYPE_NAMES: Final = {
    1: "A",
    2: "NS",
    5: "CNAME",
    6: "SOA",
    10: "NULL",
    12: "PTR",
    13: "HINFO",
    15: "MX",
    16: "TXT",
    28: "AAAA",
    33: "SRV",
    35: "NAPTR",
    43: "DS",
    46: "RRSIG",
    48: "DNSKEY",
    64: "SVCB",
    65: "HTTPS",
    251: "IXFR",
    252: "AXFR",
    255: "ANY",
    257: "CAA",
}


def read_question(message: bytes) -> tuple[str, str]:
    """Return the name and the type that a DNS query asks for.

    Raises `MalformedRecord` for an answer, no question, or a cut or over-long name.
    """
    if len(message) < _HEADER.size:
        raise MalformedRecord("shorter than a DNS header")
    _, flags, questions, *_ = _HEADER.unpack_from(message)
    if flags & 0x8000 or not questions:
        raise MalformedRecord("not a DNS question")
    labels, position = _read_labels(message, _HEADER.size)
    if position + 4 > len(message):
        raise MalformedRecord("cut before the type")
    (number,) = struct.unpack_from(">H", message, position)
    return ".".join(labels), TYPE_NAMES.get(number, f"TYPE{number}")


def _read_labels(message: bytes, position: int) -> tuple[list[str], int]:
    """Return the labels of the name at this position and the position behind it."""
    labels: list[str] = []
    start = position
    while position < len(message):
        length = message[position]
        if length == 0:
            return labels, position + 1
        if length & _COMPRESSED or position - start > _LONGEST_NAME:
            raise MalformedRecord("not a name that a question may hold")
        labels.append(text_from_os(message[position + 1 : position + 1 + length]))
        position += 1 + length
    raise MalformedRecord("cut inside the name")
