from __future__ import annotations

import stat
from pathlib import Path
from uuid import uuid4

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from console.certificates import signing
from console.certificates.exceptions import AuthorityMissing
from console.certificates.models import SigningKey
from protocol.instructions import ReplaceCertificate
from protocol.signing import Verifier
from tests.console.computers import NOW

pytestmark = pytest.mark.django_db


class TestSigningKey:
    def test_is_made_once_and_kept_private(self, keys_directory: Path) -> None:
        first = signing.ensure_signing_key(NOW)

        assert signing.ensure_signing_key(NOW) == first
        assert stat.S_IMODE((keys_directory / signing.SIGNING_KEY).stat().st_mode) == 0o600
        assert signing.trusted_signing_keys() == [first]

    def test_is_not_replaced_when_its_file_is_lost(self, keys_directory: Path) -> None:
        signing.ensure_signing_key(NOW)
        (keys_directory / signing.SIGNING_KEY).unlink()

        with pytest.raises(AuthorityMissing, match="restore it"):
            signing.ensure_signing_key(NOW)

    def test_that_was_retired_is_not_trusted(self, keys_directory: Path) -> None:
        signing.ensure_signing_key(NOW)
        SigningKey.objects.update(retired_at=NOW)

        assert signing.trusted_signing_keys() == []


class TestSignedInstructions:
    def test_are_accepted_by_the_endpoint_that_trusts_the_key(self, keys_directory: Path) -> None:
        row = signing.ensure_signing_key(NOW)
        endpoint_id = uuid4()
        instruction = ReplaceCertificate(address="console.example:17475")

        sealer = signing.sealer_for(instruction, issued_at=1_000, expires_at=2_000)
        envelope = sealer.seal(audience=endpoint_id, sequence=1)

        key = Ed25519PublicKey.from_public_bytes(bytes(row.public_key))
        verifier = Verifier(trusted_keys=[key], endpoint_id=endpoint_id)
        assert verifier.open(envelope, now=1_500) == (instruction, 1)

    def test_need_a_key(self, keys_directory: Path) -> None:
        with pytest.raises(AuthorityMissing):
            signing.sealer_for(ReplaceCertificate(address="a:1"), issued_at=1, expires_at=2)


def test_a_damaged_signing_key_is_named_and_not_replaced(keys_directory: Path) -> None:
    signing.ensure_signing_key(NOW)
    (keys_directory / signing.SIGNING_KEY).write_bytes(b"damaged")

    with pytest.raises(AuthorityMissing, match=r"signing\.key is damaged: restore it"):
        signing.ensure_signing_key(NOW)
