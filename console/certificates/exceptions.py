"""What the authority refuses.

VedetteError
├── CertificateRefused              403  a certificate that is not one of ours for an endpoint
├── AuthorityMissing                503  no authority yet, or its key is not where it must be
└── (InvalidInput)
    └── CertificateRequestRefused   400  not a signing request that the authority signs
(NotAllowed)
└── EnrolmentTokenRefused           403  unknown, expired, used up or revoked
"""

from __future__ import annotations

from console.core.exceptions import InvalidInput, NotAllowed, Unavailable


class CertificateRefused(NotAllowed):
    """A certificate that does not name one endpoint of this console, or was revoked."""

    title = "Certificate refused"


class CertificateRequestRefused(InvalidInput):
    """Not a certificate signing request of the kind that the authority signs."""

    title = "Certificate request refused"

    def __init__(self, reason: str) -> None:
        super().__init__(reason, errors={"csr": [reason]})


class AuthorityMissing(Unavailable):
    """There is no authority yet, or its key or certificate is not where it must be."""

    title = "No certificate authority"


class EnrolmentTokenRefused(NotAllowed):
    """The enrolment token is unknown here, expired, used up or revoked."""

    title = "Enrolment token refused"
