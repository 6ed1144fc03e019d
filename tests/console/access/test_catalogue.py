from __future__ import annotations

import pytest

from console.access.catalogue import (
    named_permissions,
    permissions_by_key,
    powers_of,
    provided_grants,
    provided_keys,
    seeded_content_sets,
    seeded_roles,
)
from console.access.models import ContentSet


class TestTheCatalogue:
    def test_names_every_permission_once(self) -> None:
        keys = [permission.key for permission in named_permissions()]

        assert len(keys) == len(set(keys))

    def test_says_of_each_what_it_means(self) -> None:
        for permission in named_permissions():
            assert permission.title
            assert permission.meaning
            assert not permission.meaning.endswith(".")

    def test_provides_only_what_is_in_it(self) -> None:
        known = permissions_by_key()
        content_sets = {seed.name for seed in seeded_content_sets()}

        for permission in known.values():
            assert set(permission.provides) <= known.keys(), permission.key
            for content_set, key in permission.content:
                assert content_set in content_sets
                assert known[key].per_content_set

    def test_has_the_permissions_of_content_sets_that_the_model_has(self) -> None:
        on_content = {p.key: p.title for p in named_permissions() if p.per_content_set}

        assert on_content == dict(ContentSet._meta.permissions)

    def test_has_every_requirement(self) -> None:
        references = {p.reference for p in named_permissions()} | {
            role.reference for role in seeded_roles()
        }

        assert {
            f"RB-{number:02}" for number in (*range(1, 8), *range(11, 18), 20, 21)
        } <= references
        assert {"RB-08, RB-17", "RB-09, RB-18", "RB-10, RB-19"} <= references


class TestPowers:
    def test_hold_what_comes_with_a_permission_and_what_routes_check(self) -> None:
        powers = powers_of(["detect_alert_write"], [])

        assert {"detect_alert_read", "show_threat_response"} <= powers.permissions
        assert {"alerts.view_alert", "alerts.change_alert"} <= powers.implied

    def test_hold_what_a_permission_grants_on_content(self) -> None:
        powers = powers_of(["threat_response_content_index_administrator"], [])

        assert ("Index", "write_package") in powers.content
        assert ("Index", "read_package") in powers.content
        assert ("Index", "read_sensor") in powers.content
        assert "questions.view_sensor" in powers.implied

    def test_of_a_grant_are_on_its_content_set_only(self) -> None:
        powers = powers_of([], [("Base", "write_sensor")])

        assert powers.content == {("Base", "write_sensor"), ("Base", "read_sensor")}

    def test_of_what_does_not_exist_are_refused(self) -> None:
        with pytest.raises(KeyError):
            powers_of(["become_king"], [])


class TestWhatIsProvided:
    def test_is_marked_only_while_its_provider_is_there(self) -> None:
        assert provided_keys(["console_endpoint_read"]) == frozenset()
        assert provided_keys(["console_endpoint_read", "console_endpoint_revoke"]) == {
            "console_endpoint_read"
        }

    def test_is_marked_on_content_sets_too(self) -> None:
        grants = {("Index", "read_sensor"), ("Base", "read_sensor"), ("Base", "write_sensor")}

        assert provided_grants(["threat_response_content_index_user"], grants) == {
            ("Index", "read_sensor"),
            ("Base", "read_sensor"),
        }
