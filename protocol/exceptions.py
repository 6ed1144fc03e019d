"""Every refusal of this package.

::

    ProtocolError
    ├── MalformedMessage            bytes that are not one message of the expected direction
    ├── MalformedEvent              JSON that is not one recorded event
    ├── MessageTooLarge             a message above the limit of its direction
    ├── ConnectionViolation         the peer broke a rule; the connection is closed
    │   ├── MalformedFrame          bytes that are not one frame
    │   ├── HandshakeViolated       a message at the wrong moment of the handshake
    │   ├── VersionsIncompatible    no protocol version that both ends speak
    │   ├── UnknownStream           a frame for a stream that is not there
    │   ├── StreamReused            a stream id opened a second time, or by the wrong end
    │   ├── TooManyStreams          more open streams than allowed
    │   ├── StreamOrderViolated     data before acceptance, accepted twice, past the length
    │   ├── CreditOverrun           more bytes than were granted, or credit above the window
    │   ├── ContentHashDiffers      a stream ended with another SHA-256 than its bytes have
    │   └── FrameAfterClose         a frame behind the one that closed the connection
    ├── ConnectionMisused           this end asked for what the connection cannot do now
    │   ├── ConnectionNotOpen       before the handshake ended, or after closing began
    │   ├── StreamNotOpen           no such stream at this end, or not in that state
    │   ├── CreditExceeded          more bytes than the peer granted
    │   ├── PrefixDiffers           a resumed stream whose first part is not the same content
    │   └── SendQueueFull           the peer reads too slowly
    └── InstructionRefused          a signed envelope that must not be acted upon
        ├── SignatureRefused        not signed by a trusted key
        ├── AudienceRefused         meant for another endpoint
        ├── InstructionNotYetValid  issued in the future
        ├── ExpiredInstruction      its time is over
        ├── ReplayedInstruction     this sequence, or a later one, was accepted before
        ├── FleetWindowFull         too many of the fleet's instructions are remembered already
        └── UnreadableInstruction   signed and current, but of a kind unknown to this version
"""

from __future__ import annotations


class ProtocolError(Exception):
    """The base of everything that this package refuses."""


class MalformedMessage(ProtocolError):
    """Bytes that are not exactly one message; the text names the place."""


class MalformedEvent(ProtocolError):
    """JSON that is not exactly one recorded event; `field` names the place."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.reason = reason


class MessageTooLarge(ProtocolError):
    """A message above the limit of its direction, before or after decompression."""


class ConnectionViolation(ProtocolError):
    """The peer broke a rule of the connection, which is closed by this."""


class MalformedFrame(ConnectionViolation):
    """Bytes that are not exactly one frame."""


class HandshakeViolated(ConnectionViolation):
    """A message or frame at the wrong moment of the handshake."""


class VersionsIncompatible(ConnectionViolation):
    """The two ends have no protocol version in common."""


class UnknownStream(ConnectionViolation):
    """A frame for a stream that was never opened or has ended."""


class StreamReused(ConnectionViolation):
    """A stream id that was used before, or that belongs to the other end."""


class TooManyStreams(ConnectionViolation):
    """The peer opened more streams than may be open at once."""


class StreamOrderViolated(ConnectionViolation):
    """A frame that its stream does not allow at this moment."""


class CreditOverrun(ConnectionViolation):
    """The peer sent more than was granted, or granted more than the window."""


class ContentHashDiffers(ConnectionViolation):
    """The bytes of a stream do not have the SHA-256 that its sender announced."""


class FrameAfterClose(ConnectionViolation):
    """A frame arrived after the connection was closed."""


class ConnectionMisused(ProtocolError):
    """A call on this end that is impossible now; the connection lives on."""


class ConnectionNotOpen(ConnectionMisused):
    """The handshake has not ended, or closing has begun."""


class StreamNotOpen(ConnectionMisused):
    """No such stream at this end, or not in a state that allows the call."""


class CreditExceeded(ConnectionMisused):
    """More bytes were handed over than the peer has granted credit for."""


class PrefixDiffers(ConnectionMisused):
    """The receiver of a resumed stream holds another beginning than the sender."""


class SendQueueFull(ConnectionMisused):
    """The peer takes messages more slowly than this end produces them."""


class InstructionRefused(ProtocolError):
    """A signed envelope that must not be acted upon."""


class SignatureRefused(InstructionRefused):
    """The envelope is damaged or not signed by a trusted key."""


class AudienceRefused(InstructionRefused):
    """The instruction is meant for another endpoint."""


class InstructionNotYetValid(InstructionRefused):
    """The instruction was issued later than now, beyond the allowed difference of clocks."""


class ExpiredInstruction(InstructionRefused):
    """The instruction's time is over."""


class ReplayedInstruction(InstructionRefused):
    """The same sequence, or a later one, was accepted before."""


class FleetWindowFull(InstructionRefused):
    """More of the fleet's instructions are current than an endpoint remembers."""


class UnreadableInstruction(InstructionRefused):
    """The envelope is genuine, but this version cannot read the instruction in it.

    `sequence` names it, so that the endpoint can report which one it did not understand.
    """

    def __init__(self, sequence: int, reason: str) -> None:
        super().__init__(f"instruction {sequence}: {reason}")
        self.sequence = sequence
