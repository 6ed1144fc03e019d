"""What an endpoint makes of the instructions that the console has for it."""

from __future__ import annotations

from datetime import datetime
from typing import TypeVar

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from console.certificates.signing import trusted_signing_keys
from console.endpoints.models import Endpoint
from console.gateway.models import OutboundInstruction
from protocol.instructions import Instruction
from protocol.signing import Verifier

Kind = TypeVar("Kind", bound=Instruction)


def waiting_instructions(endpoint: Endpoint, kind: type[Kind], *, now: datetime) -> list[Kind]:
    """Verify, as the endpoint would, what waits for it, and return those of this kind."""
    keys = [
        Ed25519PublicKey.from_public_bytes(bytes(key.public_key)) for key in trusted_signing_keys()
    ]
    verifier = Verifier(trusted_keys=keys, endpoint_id=endpoint.pk)
    waiting = OutboundInstruction.objects.filter(
        endpoint=endpoint, state=OutboundInstruction.State.WAITING
    ).order_by("sequence")
    at = int(now.timestamp() * 1_000_000)
    opened = [verifier.open(bytes(row.envelope), now=at)[0] for row in waiting]
    return [instruction for instruction in opened if isinstance(instruction, kind)]
