"""Whatever an address asks for can be given: each permission of the rules stands behind a name."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Permission

from console.access.catalogue import named_permissions
from tests.permissions.rules import APP_LISTS, BROWSER_SOCKETS, api_rules, page_rules


def test_give_whatever_an_address_asks_for() -> None:
    rules = [rule for _, _, rule in (*api_rules(), *page_rules())]
    rules += [*APP_LISTS.values(), *BROWSER_SOCKETS.values()]
    asked = {permission for rule in rules for permission in rule.permissions}
    implied = {name for permission in named_permissions() for name in permission.implies}

    assert asked - implied == set()


@pytest.mark.django_db
def test_imply_only_what_exists() -> None:
    stored = {
        f"{label}.{codename}"
        for label, codename in Permission.objects.values_list("content_type__app_label", "codename")
    }

    assert {name for p in named_permissions() for name in p.implies} <= stored
