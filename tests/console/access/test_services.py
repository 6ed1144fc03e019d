from __future__ import annotations

from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from knox.models import AuthToken

from console.access.models import User
from console.access.services import (
    change_user,
    create_user,
    ensure_first_administrator,
    set_password,
)
from console.audit.models import AuditEvent
from console.core.actor import Actor
from console.core.exceptions import InvalidInput, NotAllowed
from tests.console.api_client import PASSWORD, make_administrator, make_user
from tests.console.computers import NOW

pytestmark = pytest.mark.django_db

SYSTEM = Actor.system("tests")


def _actor(user: User) -> Actor:
    return Actor(user.username, user.pk)


class TestFirstAdministrator:
    def test_is_made_with_a_generated_password_that_is_told_once(self) -> None:
        password = ensure_first_administrator(password="", actor=SYSTEM, now=NOW)

        admin = User.objects.get(username="admin")
        assert password is not None
        assert admin.check_password(password)
        assert admin.is_superuser
        assert ensure_first_administrator(password="", actor=SYSTEM, now=NOW) is None
        assert AuditEvent.objects.filter(action="user.create").count() == 1

    def test_is_made_with_the_given_password_that_is_not_told(self) -> None:
        assert ensure_first_administrator(password="given", actor=SYSTEM, now=NOW) is None

        assert User.objects.get(username="admin").check_password("given")

    def test_keeps_its_password_when_another_is_given_later(self) -> None:
        ensure_first_administrator(password="first", actor=SYSTEM, now=NOW)
        ensure_first_administrator(password="second", actor=SYSTEM, now=NOW)

        assert User.objects.get(username="admin").check_password("first")

    def test_does_not_come_back_where_another_administrator_is(self) -> None:
        make_administrator("ada")

        ensure_first_administrator(password="x", actor=SYSTEM, now=NOW)

        assert not User.objects.filter(username="admin").exists()

    def test_is_a_command_that_reads_the_environment(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
    ) -> None:
        (tmp_path / "password").write_text("from a file\n")
        monkeypatch.delenv("VEDETTE_ADMIN_PASSWORD", raising=False)
        monkeypatch.setenv("VEDETTE_ADMIN_PASSWORD_FILE", str(tmp_path / "password"))
        output = StringIO()

        call_command("create_first_administrator", stdout=output)

        assert User.objects.get(username="admin").check_password("from a file")
        assert output.getvalue() == ""

    def test_is_a_command_that_prints_a_generated_password(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("VEDETTE_ADMIN_PASSWORD", raising=False)
        output = StringIO()

        call_command("create_first_administrator", stdout=output)

        password = output.getvalue().rpartition(" ")[2].strip()
        assert User.objects.get(username="admin").check_password(password)


class TestUsers:
    def test_are_made_and_recorded(self) -> None:
        administrator = make_administrator()

        user = create_user(
            username="ada",
            password=PASSWORD,
            fields={"email": "ada@example.invalid", "is_staff": True},
            actor=_actor(administrator),
            now=NOW,
        )

        assert user.check_password(PASSWORD)
        event = AuditEvent.objects.get(action="user.create")
        assert (event.actor_name, event.subject_name) == ("root", "ada")
        assert PASSWORD not in str(event.detail)

    @pytest.mark.parametrize(
        ("username", "password", "field"),
        [
            ("ada", "short", "password"),
            ("ada", "1234567890", "password"),
            ("", PASSWORD, "username"),
            ("../../ada lovelace", PASSWORD, "username"),
            ("root", PASSWORD, "username"),
        ],
    )
    def test_with_a_wrong_field_are_refused(self, username: str, password: str, field: str) -> None:
        administrator = make_administrator()

        with pytest.raises(InvalidInput) as refusal:
            create_user(
                username=username,
                password=password,
                fields={},
                actor=_actor(administrator),
                now=NOW,
            )

        assert list(refusal.value.errors) == [field]

    def test_cannot_be_given_fields_that_are_not_for_this(self) -> None:
        with pytest.raises(InvalidInput):
            change_user(make_user(), fields={"user_permissions": [1]}, actor=SYSTEM, now=NOW)

    @pytest.mark.parametrize("power", ["is_superuser", "is_staff"])
    def test_get_powers_from_administrators_only(self, power: str) -> None:
        clerk = make_user("clerk", "access.change_user", "access.add_user")

        with pytest.raises(NotAllowed):
            change_user(clerk, fields={power: True}, actor=_actor(clerk), now=NOW)
        with pytest.raises(NotAllowed):
            create_user(
                username="x", password=PASSWORD, fields={power: True}, actor=_actor(clerk), now=NOW
            )

    def test_who_administer_are_changed_by_administrators_only(self) -> None:
        administrator, clerk = make_administrator(), make_user("clerk", "access.change_user")

        with pytest.raises(NotAllowed):
            set_password(administrator, password=PASSWORD * 2, actor=_actor(clerk), now=NOW)
        with pytest.raises(NotAllowed):
            change_user(administrator, fields={"email": "x@y.z"}, actor=_actor(clerk), now=NOW)

    def test_who_administer_alone_stay(self) -> None:
        administrator = make_administrator()

        with pytest.raises(NotAllowed, match="Nobody could"):
            change_user(
                administrator, fields={"is_active": False}, actor=_actor(administrator), now=NOW
            )

        administrator.refresh_from_db()
        assert administrator.is_active

    def test_who_are_no_longer_active_lose_their_tokens(self) -> None:
        make_administrator()
        user = make_user()
        AuthToken.objects.create(user)

        change_user(user, fields={"is_active": False}, actor=SYSTEM, now=NOW)

        assert not AuthToken.objects.exists()

    def test_with_a_new_password_lose_their_tokens(self) -> None:
        user = make_user()
        AuthToken.objects.create(user)

        set_password(user, password="another good passphrase", actor=_actor(user), now=NOW)

        user.refresh_from_db()
        assert user.check_password("another good passphrase")
        assert not AuthToken.objects.exists()
