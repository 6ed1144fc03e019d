from __future__ import annotations

import pytest

from tests.console.api_client import api_client, make_user
from tests.console.computers import enrolled_endpoint

pytestmark = pytest.mark.django_db

CERTIFICATES = "/api/v1/certificates/"


class TestCertificates:
    def test_are_listed_and_narrowed(self) -> None:
        endpoint, _ = enrolled_endpoint("a"), enrolled_endpoint("b")
        client = api_client(make_user("ada", "certificates.view_certificate"))

        (row,) = client.get(f"{CERTIFICATES}?subject_id={endpoint.pk}").json()["results"]

        assert row["fingerprint"] == endpoint.certificate.fingerprint
        assert client.get(f"{CERTIFICATES}?revoked=true").json()["results"] == []
        shown = client.get(f"{CERTIFICATES}{row['serial_number']}/").json()
        assert shown == row
        assert "PRIVATE" not in str(shown)

    def test_are_read_only(self) -> None:
        client = api_client(make_user("ada", "certificates.view_certificate"))

        assert client.post(CERTIFICATES, {}).status_code == 405
