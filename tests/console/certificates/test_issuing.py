from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

from console.certificates import issuing
from console.certificates.exceptions import CertificateRequestRefused
from tests.console.computers import NOW, new_key, signing_request

ENDPOINT_ID = UUID("11111111-2222-4333-8444-555555555555")


@pytest.fixture(scope="module")
def issuer() -> issuing.Issuer:
    key = issuing.new_private_key()
    return issuing.Issuer(issuing.make_authority("test authority", key, now=NOW), key)


class TestSigningRequests:
    def test_are_read_when_their_own_p256_key_signed_them(self) -> None:
        key = new_key()

        request = issuing.read_request(signing_request(key))

        assert request.public_key() == key.public_key()

    @pytest.mark.parametrize(
        "key",
        [
            rsa.generate_private_key(65537, 2048),
            ec.generate_private_key(ec.SECP384R1()),
            ec.generate_private_key(ec.SECP256K1()),
        ],
        ids=["rsa", "p384", "secp256k1"],
    )
    def test_with_another_kind_of_key_are_refused(self, key: object) -> None:
        with pytest.raises(CertificateRequestRefused, match="P-256"):
            issuing.read_request(signing_request(key))

    def test_with_an_edwards_key_are_refused(self) -> None:
        name = x509.Name([])
        builder = x509.CertificateSigningRequestBuilder().subject_name(name)
        request = builder.sign(ed25519.Ed25519PrivateKey.generate(), None)

        with pytest.raises(CertificateRequestRefused, match="P-256"):
            issuing.read_request(request.public_bytes(serialization.Encoding.PEM))

    @pytest.mark.parametrize(
        "garbage",
        [
            b"",
            b"\x00\xff" * 100,
            b"-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n",
            b"-----BEGIN CERTIFICATE REQUEST-----",
            b"../../etc/passwd",
        ],
    )
    def test_that_are_garbage_are_refused(self, garbage: bytes) -> None:
        with pytest.raises(CertificateRequestRefused, match="not a PEM"):
            issuing.read_request(garbage)

    def test_that_are_too_long_are_refused_before_they_are_parsed(self) -> None:
        padded = signing_request(new_key()) + b"\n" * issuing.REQUEST_BYTES

        with pytest.raises(CertificateRequestRefused, match="longer than"):
            issuing.read_request(padded)

    def test_signed_by_another_key_are_refused(self) -> None:
        pem = signing_request(new_key())
        request = x509.load_pem_x509_csr(pem)
        der = bytearray(request.public_bytes(serialization.Encoding.DER))
        # The common name is inside of what is signed.
        at = bytes(der).index(b"a computer")
        der[at] = ord("b")
        forged = x509.load_der_x509_csr(bytes(der))

        with pytest.raises(CertificateRequestRefused, match="own key"):
            issuing.read_request(forged.public_bytes(serialization.Encoding.PEM))


class TestCertificates:
    def test_name_the_endpoint_and_nothing_that_it_asked_for(self, issuer: issuing.Issuer) -> None:
        request = issuing.read_request(signing_request(new_key()))

        certificate = issuing.make_endpoint_certificate(
            ENDPOINT_ID, request, issuer=issuer, now=NOW
        )

        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
        assert names.value.get_values_for_type(x509.UniformResourceIdentifier) == [
            f"urn:uuid:{ENDPOINT_ID}"
        ]
        assert "a computer" not in certificate.subject.rfc4514_string()
        usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage)
        assert list(usage.value) == [ExtendedKeyUsageOID.CLIENT_AUTH]
        certificate.verify_directly_issued_by(issuer.certificate)

    def test_of_servers_carry_every_name_and_address(self, issuer: issuing.Issuer) -> None:
        names = ["console.example", "192.0.2.1", "2001:db8::1"]

        certificate = issuing.make_server_certificate(
            names, new_key().public_key(), issuer=issuer, now=NOW
        )

        assert issuing.names_in(certificate) == set(names)
        assert isinstance(certificate.signature_hash_algorithm, hashes.SHA256)

    def test_of_servers_need_a_name(self, issuer: issuing.Issuer) -> None:
        with pytest.raises(ValueError, match="at least one name"):
            issuing.make_server_certificate([], new_key().public_key(), issuer=issuer, now=NOW)

    def test_need_renewal_after_two_thirds_of_their_life(self, issuer: issuing.Issuer) -> None:
        certificate = issuing.make_server_certificate(
            ["console.example"], new_key().public_key(), issuer=issuer, now=NOW
        )
        turn = NOW - issuing.BACKDATED + issuing.SERVER_LIFE * 2 / 3

        assert not issuing.needs_renewal(certificate, now=turn - timedelta(seconds=1))
        assert issuing.needs_renewal(certificate, now=turn)

    def test_of_an_authority_cannot_make_further_authorities(self, issuer: issuing.Issuer) -> None:
        limits = issuer.certificate.extensions.get_extension_for_class(x509.BasicConstraints)

        assert limits.value == x509.BasicConstraints(ca=True, path_length=0)
