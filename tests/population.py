"""Rows for simulated endpoints, in bulk: enrolling thousands one by one would take minutes."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime

from django.conf import settings

from console.certificates.models import Authority, Certificate
from console.certificates.tls import fingerprint_of
from console.endpoints.membership import follow_enrolment
from console.endpoints.models import Endpoint
from tests.console_processes import certificates_directory
from tests.fleet_certificates import FleetAuthority, der_of


def populate(count: int) -> list[str]:
    """Add `count` endpoints, write their certificates to files, and return their ids."""
    now = datetime.now(UTC)
    fleet = FleetAuthority.existing(settings.KEYS_DIR)
    authority = Authority.objects.get()
    directory = certificates_directory(settings.KEYS_DIR)
    directory.mkdir(exist_ok=True)
    certificates, endpoints = [], []
    for number in range(count):
        endpoint_id = uuid.uuid4()
        issued = fleet.endpoint_certificate(endpoint_id)
        (directory / f"{endpoint_id}.pem").write_bytes(fleet.pem_of(issued))
        certificate = Certificate(
            authority=authority,
            purpose=Certificate.Purpose.ENDPOINT,
            subject_id=endpoint_id,
            serial_number=f"{issued.serial_number:x}",
            fingerprint=fingerprint_of(der_of(issued)),
            certificate="",
            not_before=issued.not_valid_before_utc,
            not_after=issued.not_valid_after_utc,
            issued_at=now,
        )
        certificates.append(certificate)
        endpoints.append(
            Endpoint(
                id=endpoint_id,
                host_name=f"simulated-{number:05}",
                os="linux",
                certificate=certificate,
                enrolled_at=now,
            )
        )
    Certificate.objects.bulk_create(certificates, batch_size=500)
    Endpoint.objects.bulk_create(endpoints, batch_size=500)
    follow_enrolment(now=now)
    return [str(endpoint.pk) for endpoint in endpoints]
