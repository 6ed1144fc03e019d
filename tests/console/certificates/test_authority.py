from __future__ import annotations

import stat
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from cryptography import x509

from console.certificates import authority, issuing, tls
from console.certificates.exceptions import AuthorityMissing, CertificateRequestRefused
from console.certificates.models import Authority, Certificate
from tests.console.computers import NOW, new_key, signing_request

pytestmark = pytest.mark.django_db

NAMES = ["console.example", "192.0.2.1"]


def _issue(now: object = NOW) -> Certificate:
    return authority.issue_endpoint_certificate(signing_request(new_key()), uuid4(), NOW)


def _list(keys_directory: Path) -> x509.CertificateRevocationList:
    return x509.load_pem_x509_crl((keys_directory / tls.REVOCATION_LIST).read_bytes())


class TestAuthority:
    def test_is_made_once(self, keys_directory: Path) -> None:
        first = authority.ensure_authority(NOW)
        again = authority.ensure_authority(NOW + timedelta(days=1))

        assert again == first
        assert Authority.objects.count() == 1
        assert authority.authority_pem() == first.certificate

    def test_keeps_its_files_to_itself(self, keys_directory: Path) -> None:
        authority.ensure_authority(NOW)
        authority.ensure_server_certificate(NAMES, NOW)

        assert stat.S_IMODE(keys_directory.stat().st_mode) == 0o700
        for path in keys_directory.iterdir():
            assert stat.S_IMODE(path.stat().st_mode) == 0o600, path

    def test_returns_to_a_database_that_lost_it(self, keys_directory: Path) -> None:
        first = authority.ensure_authority(NOW)
        Authority.objects.all().delete()

        assert authority.ensure_authority(NOW).fingerprint == first.fingerprint

    def test_is_not_replaced_when_its_key_is_lost(self, keys_directory: Path) -> None:
        authority.ensure_authority(NOW)
        (keys_directory / authority.AUTHORITY_KEY).unlink()

        with pytest.raises(AuthorityMissing, match="restore it"):
            authority.ensure_authority(NOW)

    def test_must_be_there_before_anything_is_issued(self, keys_directory: Path) -> None:
        with pytest.raises(AuthorityMissing):
            _issue()

    @pytest.mark.parametrize("name", [authority.AUTHORITY_KEY, tls.AUTHORITY_CERTIFICATE])
    def test_is_not_replaced_when_a_file_is_damaged(self, keys_directory: Path, name: str) -> None:
        authority.ensure_authority(NOW)
        (keys_directory / name).write_bytes(b"\0 what a bad disk left")

        with pytest.raises(AuthorityMissing, match=rf"{name} is damaged: restore it"):
            authority.ensure_authority(NOW)

    def test_does_not_issue_with_the_key_of_another(self, keys_directory: Path) -> None:
        authority.ensure_authority(NOW)
        (keys_directory / authority.AUTHORITY_KEY).write_bytes(
            issuing.private_key_pem(issuing.new_private_key())
        )

        with pytest.raises(AuthorityMissing, match="do not belong together"):
            _issue()


class TestServerCertificate:
    def _written(self, keys_directory: Path) -> x509.Certificate:
        return x509.load_pem_x509_certificate(
            (keys_directory / tls.SERVER_CERTIFICATE).read_bytes()
        )

    def test_carries_all_names(self, keys_directory: Path) -> None:
        authority.ensure_authority(NOW)
        authority.ensure_server_certificate(NAMES, NOW)

        assert issuing.names_in(self._written(keys_directory)) == set(NAMES)

    def test_is_made_again_when_it_is_damaged(self, keys_directory: Path) -> None:
        authority.ensure_authority(NOW)
        authority.ensure_server_certificate(NAMES, NOW)
        (keys_directory / tls.SERVER_CERTIFICATE).write_bytes(b"damaged")

        authority.ensure_server_certificate(NAMES, NOW)

        assert issuing.names_in(self._written(keys_directory)) == set(NAMES)

    def test_is_made_again_when_its_key_is_lost(self, keys_directory: Path) -> None:
        authority.ensure_authority(NOW)
        authority.ensure_server_certificate(NAMES, NOW)
        first = self._written(keys_directory)
        (keys_directory / tls.SERVER_KEY).unlink()

        authority.ensure_server_certificate(NAMES, NOW)

        assert self._written(keys_directory).public_key() != first.public_key()

    def test_is_not_made_again_with_another_key_when_the_key_is_damaged(
        self, keys_directory: Path
    ) -> None:
        authority.ensure_authority(NOW)
        authority.ensure_server_certificate(NAMES, NOW)
        (keys_directory / tls.SERVER_KEY).write_bytes(b"damaged")

        with pytest.raises(AuthorityMissing, match=r"server\.key is damaged"):
            authority.ensure_server_certificate(NAMES, NOW)

    def test_stays_while_it_serves(self, keys_directory: Path) -> None:
        authority.ensure_authority(NOW)
        authority.ensure_server_certificate(NAMES, NOW)
        first = self._written(keys_directory)

        authority.ensure_server_certificate(NAMES[::-1], NOW + timedelta(days=200))

        assert self._written(keys_directory) == first
        assert Certificate.objects.filter(purpose=Certificate.Purpose.SERVER).count() == 1

    def test_is_reissued_for_the_same_key_when_names_change(self, keys_directory: Path) -> None:
        authority.ensure_authority(NOW)
        authority.ensure_server_certificate(NAMES, NOW)
        pin = tls.public_key_pin(keys_directory)

        authority.ensure_server_certificate([*NAMES, "new.example"], NOW)

        assert "new.example" in issuing.names_in(self._written(keys_directory))
        assert tls.public_key_pin(keys_directory) == pin

    def test_is_reissued_when_two_thirds_of_its_life_are_over(self, keys_directory: Path) -> None:
        authority.ensure_authority(NOW)
        authority.ensure_server_certificate(NAMES, NOW)
        first = self._written(keys_directory)

        later = NOW + issuing.SERVER_LIFE * 2 / 3
        authority.ensure_server_certificate(NAMES, later)

        assert self._written(keys_directory).not_valid_after_utc > first.not_valid_after_utc


class TestEndpointCertificates:
    def test_are_recorded_as_issued(self, keys_directory: Path) -> None:
        authority.ensure_authority(NOW)
        endpoint_id = uuid4()

        row = authority.issue_endpoint_certificate(signing_request(new_key()), endpoint_id, NOW)

        certificate = x509.load_pem_x509_certificate(row.certificate.encode())
        assert row.subject_id == endpoint_id
        assert int(row.serial_number, 16) == certificate.serial_number
        assert row.not_after == certificate.not_valid_after_utc

    def test_are_not_issued_for_garbage(self, keys_directory: Path) -> None:
        authority.ensure_authority(NOW)

        with pytest.raises(CertificateRequestRefused):
            authority.issue_endpoint_certificate(b"garbage", uuid4(), NOW)

        assert not Certificate.objects.exists()


class TestRevocation:
    def test_is_claimed_by_one_caller_only(self, keys_directory: Path) -> None:
        authority.ensure_authority(NOW)
        certificate = _issue()

        assert authority.revoke_certificate(certificate, reason="stolen", now=NOW)
        assert not authority.revoke_certificate(certificate, reason="again", now=NOW)

        certificate.refresh_from_db()
        assert certificate.revocation_reason == "stolen"

    def test_list_holds_the_revoked_and_counts_up(self, keys_directory: Path) -> None:
        authority.ensure_authority(NOW)
        certificate, other = _issue(), _issue()
        authority.revoke_certificate(certificate, reason="stolen", now=NOW)

        authority.publish_revocation_list(NOW)

        published = _list(keys_directory)
        assert [entry.serial_number for entry in published] == [int(certificate.serial_number, 16)]
        assert (
            published.get_revoked_certificate_by_serial_number(int(other.serial_number, 16)) is None
        )
        number = published.extensions.get_extension_for_class(x509.CRLNumber).value
        assert number.crl_number == 2

    def test_list_forgets_what_ran_out(self, keys_directory: Path) -> None:
        authority.ensure_authority(NOW)
        authority.revoke_certificate(_issue(), reason="stolen", now=NOW)

        authority.publish_revocation_list(NOW + issuing.ENDPOINT_LIFE)

        assert list(_list(keys_directory)) == []

    def test_list_is_written_again_at_every_start(self, keys_directory: Path) -> None:
        authority.ensure_authority(NOW)
        authority.revoke_certificate(_issue(), reason="stolen", now=NOW)
        (keys_directory / tls.REVOCATION_LIST).unlink()

        authority.ensure_authority(NOW)

        assert len(list(_list(keys_directory))) == 1


class TestDamagedRevocationList:
    @pytest.mark.parametrize("content", [b"", b"damaged", b"-----BEGIN X509 CRL-----\n"])
    def test_is_written_again_with_a_number_above_every_earlier_one(
        self, keys_directory: Path, content: bytes
    ) -> None:
        authority.ensure_authority(NOW)
        revoked = _issue()
        authority.revoke_certificate(revoked, reason="lost", now=NOW)
        (keys_directory / tls.REVOCATION_LIST).write_bytes(content)

        authority.ensure_authority(NOW)

        rebuilt = _list(keys_directory)
        assert [f"{entry.serial_number:x}" for entry in rebuilt] == [revoked.serial_number]
        number = rebuilt.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number
        assert number > 1_000_000
