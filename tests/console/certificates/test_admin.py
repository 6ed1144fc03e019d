"""The page of enrolment tokens: what it offers, and to whom."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from console.certificates.models import EnrolmentToken
from console.certificates.services import create_enrolment_token
from tests.console.computers import ADMINISTRATOR
from tests.console.pages import browser, messages_of, text_of

pytestmark = pytest.mark.django_db(transaction=True)

LIST = "/certificates/enrolmenttoken/"
SEES, REVOKES = "certificates.view_enrolmenttoken", "certificates.revoke_enrolmenttoken"


@pytest.fixture
def token() -> EnrolmentToken:
    now = timezone.now()
    created = create_enrolment_token(
        name="Branch office",
        uses=1500,
        expires_at=now + timedelta(hours=1),
        actor=ADMINISTRATOR,
        now=now,
    )
    return created.row


class TestTokens:
    def test_are_offered_for_revocation_to_who_may_revoke(self, token: EnrolmentToken) -> None:
        page = text_of(browser(SEES, REVOKES).get(LIST))

        assert "Revoke …" in page
        assert f"{LIST}{token.pk}/revoke/" in page

    def test_are_only_shown_to_others(self, token: EnrolmentToken) -> None:
        page = text_of(browser(SEES).get(LIST))

        assert token.name in page
        assert "0 of 1,500" in page
        assert "Revoke" not in page

    def test_are_revoked_on_the_word_of_who_may(self, token: EnrolmentToken) -> None:
        client = browser(SEES, REVOKES)

        response = client.post(f"{LIST}{token.pk}/revoke/", follow=True)

        assert messages_of(response) == ["Token “Branch office” was revoked."]
        assert EnrolmentToken.objects.get().revoked_at is not None
