"""What is refused about endpoints.

(Conflict)
└── EndpointRevoked     409  the endpoint was revoked before
(NotAllowed)
└── EnrolmentRefused    403  the computer may not join; the reason is for its administrator
(Unavailable)
└── BundleIncomplete    503  a part of the agent is missing on this console's machine
"""

from __future__ import annotations

from console.core.exceptions import Conflict, Unavailable


class EndpointRevoked(Conflict):
    """The endpoint was revoked before."""

    title = "Endpoint revoked"


class BundleIncomplete(Unavailable):
    """The agent's bundle cannot be made: a part of it is missing on this machine."""

    title = "Agent bundle incomplete"
