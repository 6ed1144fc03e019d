from __future__ import annotations

from typing import Any

import pytest
import redis
from django.test import Client

from console.access.grants import read_powers
from console.access.models import ContentSet, Role
from console.access.roles import members_of
from tests.console.api_client import PASSWORD, make_user
from tests.console.pages import browser, messages_of, text_of

pytestmark = pytest.mark.django_db(transaction=True)

ROLES = "/access/role/"


@pytest.fixture(autouse=True)
def empty_redis(valkey: redis.Redis) -> None:
    valkey.flushdb()


@pytest.fixture
def root() -> Client:
    return browser(name="root", is_superuser=True)


def _seeded(key: str = "threat_response_user") -> Role:
    return Role.objects.get(key=key)


def _own() -> Role:
    return Role.objects.create(name="Night shift")


def _page(role: Role) -> str:
    return f"{ROLES}{role.pk}/change/"


def _wish(**fields: Any) -> dict[str, Any]:
    wish = {"part": "powers", "name": "Night shift", "description": "", "password": PASSWORD}
    return wish | fields


class TestTheList:
    def test_shows_members_permissions_and_reach(self, root: Client) -> None:
        _seeded().user_set.add(make_user("bob"))

        page = text_of(root.get(ROLES))

        assert "Threat Response User" in page
        assert "no computers" in page
        assert "all computers" in page

    def test_asks_no_more_for_more_roles(
        self, root: Client, django_assert_max_num_queries: Any
    ) -> None:
        for number in range(20):
            Role.objects.create(name=f"Role {number}")

        with django_assert_max_num_queries(25):
            root.get(ROLES)


class TestAdding:
    def test_leads_to_the_new_role(self, root: Client) -> None:
        answer = root.post(f"{ROLES}add/", {"name": "Night shift", "password": PASSWORD})

        assert answer["Location"] == _page(Role.objects.get(name="Night shift"))

    def test_copies(self, root: Client) -> None:
        page = text_of(root.get(f"{ROLES}add/?copy_of={_seeded().pk}"))
        assert 'value="Threat Response User (copy)"' in page

        wish = {"name": "Tier one", "copy_of": _seeded().pk, "password": PASSWORD}
        root.post(f"{ROLES}add/", wish)

        made = Role.objects.get(name="Tier one")
        powers = read_powers([made, _seeded()])
        assert powers[made.pk] == powers[_seeded().pk]

    def test_says_when_a_name_is_taken(self, root: Client) -> None:
        page = root.post(f"{ROLES}add/", {"name": "Index User", "password": PASSWORD})

        assert "already exists" in text_of(page)


class TestOneRole:
    def test_is_changed_with_ones_own_password(self, root: Client) -> None:
        role, base = _own(), ContentSet.objects.get(name="Base")

        answer = root.post(
            _page(role),
            _wish(permissions=["detect_alert_write"], content=[f"{base.pk}:read_sensor"]),
        )

        assert answer.status_code == 302
        powers = read_powers([role])[role.pk]
        assert {"detect_alert_write", "detect_alert_read"} <= powers.permissions
        assert powers.content == {("Base", "read_sensor")}

    def test_keeps_what_was_ticked_when_the_password_was_wrong(self, root: Client) -> None:
        role = _own()

        page = text_of(
            root.post(_page(role), _wish(permissions=["detect_alert_write"], password="wrong"))
        )

        assert "This is not your password." in page
        ticked = page.index('value="detect_alert_write"')
        assert "checked" in page[ticked : page.index(">", ticked)]
        assert read_powers([role])[role.pk].permissions == frozenset()

    def test_counts_wrong_passwords_as_logins(self, root: Client) -> None:
        role = _own()
        for _ in range(10):
            root.post(_page(role), _wish(password="wrong"))

        page = text_of(root.post(_page(role), _wish(permissions=["read_user"])))

        assert "This is not your password." in page
        assert read_powers([role])[role.pk].permissions == frozenset()

    def test_that_is_seeded_offers_no_change_and_takes_none(self, root: Client) -> None:
        before = read_powers([_seeded()])
        page = text_of(root.get(_page(_seeded())))
        assert 'name="permissions"' not in page
        assert "Copy it" in page

        answer = root.post(_page(_seeded()), _wish(permissions=["read_user"]), follow=True)

        assert "keeps its permissions" in messages_of(answer)[0]
        assert read_powers([_seeded()]) == before

    def test_refuses_what_does_not_exist(self, root: Client) -> None:
        page = root.post(_page(_own()), _wish(permissions=["become_king"], content=["x:y"]))

        assert "There is no permission become_king." in text_of(page)

    def test_shows_what_comes_with_something_else(self, root: Client) -> None:
        assert "Comes with another permission" in text_of(root.get(_page(_seeded())))

    def test_that_is_not_there_is_not_found(self, root: Client) -> None:
        for number in ("999999", "x", "9" * 40):
            assert root.get(f"{ROLES}{number}/change/").status_code == 404


class TestMembers:
    def test_are_chosen_with_ones_own_password(self, root: Client) -> None:
        bob = make_user("bob")
        wish = {"part": "members", "members": [bob.pk], "members-password": PASSWORD}

        assert root.post(_page(_seeded()), wish).status_code == 302
        assert members_of(_seeded()) == [bob]

    def test_stay_without_it(self, root: Client) -> None:
        bob = make_user("bob")
        wish = {"part": "members", "members": [bob.pk], "members-password": "wrong"}

        assert "This is not your password." in text_of(root.post(_page(_seeded()), wish))
        assert members_of(_seeded()) == []

    def test_of_administrator_are_never_nobody(self, root: Client) -> None:
        wish = {"part": "members", "members-password": PASSWORD}

        page = root.post(_page(_seeded("administrator")), wish)

        assert "Nobody could administer the console after this." in text_of(page)


class TestDeleting:
    def test_names_who_loses_it_and_asks_for_the_password(self, root: Client) -> None:
        role = _own()
        role.user_set.add(make_user("bob"))
        address = f"{ROLES}{role.pk}/delete/"
        assert "bob" in text_of(root.get(address))

        assert "not your password" in text_of(root.post(address, {"password": "wrong"}))
        answer = root.post(address, {"password": PASSWORD}, follow=True)

        assert messages_of(answer) == ["Night shift was deleted."]
        assert not Role.objects.filter(pk=role.pk).exists()

    def test_of_a_seeded_role_is_refused(self, root: Client) -> None:
        address = f"{ROLES}{_seeded().pk}/delete/"

        assert "comes with the console" in text_of(root.get(address))
        root.post(address, {"password": PASSWORD})
        assert _seeded()


class TestTheMatrix:
    def test_shows_every_role_and_every_permission(self, root: Client) -> None:
        page = text_of(root.get(f"{ROLES}matrix/"))

        for name in ("Direct Connect Service Account", "Trace Snapshots Write", "Audit Read"):
            assert name in page


class TestEffectiveAccess:
    def test_of_oneself_is_for_everybody(self) -> None:
        page = text_of(browser("audit.view_auditevent").get("/access/user/own-access/"))

        assert "Your access" in page
        assert 'href="/access/role/' not in page

    def test_explains_why_not(self, root: Client) -> None:
        bob = make_user("bob")

        page = text_of(root.get(f"/access/user/{bob.pk}/access/?q=alert+write"))

        assert "They have no role." in page
        assert "Threat Response Administrator" in page

    def test_of_nobody_is_not_found(self, root: Client) -> None:
        assert root.get("/access/user/999999/access/").status_code == 404
