"""Every registered address, tried by nobody, by a user without permissions, by the right user.

Deny by default: each address must stand in the table of `rules`, each needed permission is really
needed (a user with all others is refused), and no other is.
"""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from console.access.models import ContentSet, User
from tests.console.roles import give_role
from tests.permissions.registered import consumer_of, http_routes, socket_routes
from tests.permissions.rule import Rule
from tests.permissions.rules import (
    APP_LISTS,
    BROWSER_SOCKETS,
    ENDPOINT_SOCKETS,
    SESSIONS_PORT,
    STATUS_PORT,
    api_rules,
    page_rules,
)
from tests.permissions.scene import (
    Scene,
    administrator,
    grant_content,
    with_everything_but,
    with_permissions,
)
from tests.permissions.visits import Visit

pytestmark = pytest.mark.django_db

TABLE = [*api_rules(), *page_rules()]
_APP_LIST = "^(?P<app_label>"


def check(visit: Visit, rule: Rule, content_set: ContentSet) -> None:
    """Try an address as everybody that its rule speaks of."""
    assert visit.is_refused(None) == (rule.access != "public")
    if rule.access == "public":
        return
    if rule.access == "nobody":
        assert visit.is_refused(administrator())
        return
    stranger = with_permissions("stranger", ())
    if rule.access == "login":
        assert not visit.is_refused(stranger)
        return
    assert visit.is_refused(stranger)
    if rule.access == "administrator":
        assert visit.is_refused(with_everything_but("nearly"))
        assert not visit.is_refused(administrator())
        return
    for number, permission in enumerate(rule.permissions):
        lacking = with_everything_but(f"lacking-{number}", permission)
        grant(lacking, content_set, rule.content)
        assert visit.is_refused(lacking), f"{permission} is not needed"
    exact = with_permissions("exact", rule.permissions)
    for permission in rule.content:
        others = [name for name in rule.content if name != permission]
        without = with_everything_but(f"without-{permission}")
        grant(without, content_set, others)
        assert visit.is_refused(without), f"{permission} is not needed"
    grant(exact, content_set, rule.content)
    assert not visit.is_refused(exact)


def grant(user: User, content_set: ContentSet, permissions: Iterable[str]) -> None:
    """Let a user use a content set by a role that gives nothing else."""
    if permissions:
        grant_content(give_role(user), content_set, *permissions)


class TestTheTable:
    def test_has_a_rule_for_every_page_and_resource_and_no_other(self) -> None:
        registered = {
            route for route in http_routes("console.urls") if not route[1].startswith(_APP_LIST)
        }

        assert registered == {(method, pattern) for method, pattern, _ in TABLE}

    def test_has_a_rule_for_every_list_of_an_app(self) -> None:
        # Ours, and the admin's own behind it.
        patterns = {
            pattern for _, pattern in http_routes("console.urls") if pattern.startswith(_APP_LIST)
        }
        named = [pattern.removeprefix(_APP_LIST).partition(")")[0] for pattern in patterns]

        assert [set(names.split("|")) for names in named] == [set(APP_LISTS)] * 2

    def test_has_a_rule_for_what_endpoints_reach(self) -> None:
        def addresses(urlconf: str) -> set[str]:
            return {pattern for _, pattern in http_routes(urlconf)}

        assert addresses("console.endpoints.public_urls") == {path for _, path in STATUS_PORT}
        assert addresses("console.endpoints.endpoint_urls") == {path for _, path in SESSIONS_PORT}

    def test_has_a_rule_for_every_socket(self) -> None:
        browsers = socket_routes(consumer_of("console.asgi.application"))
        endpoints = socket_routes(consumer_of("directconnect.asgi.application"))

        assert set(browsers) == set(BROWSER_SOCKETS)
        assert set(endpoints) == set(ENDPOINT_SOCKETS)


@pytest.mark.parametrize(
    ("method", "pattern", "rule"),
    TABLE,
    ids=[f"{method}-{pattern or 'home'}" for method, pattern, _ in TABLE],
)
def test_lets_in_exactly_whom_its_rule_names(
    scene: Scene, method: str, pattern: str, rule: Rule
) -> None:
    check(Visit(scene, method, pattern, rule), rule, scene.content_set)


@pytest.mark.parametrize("app_label", APP_LISTS)
def test_lists_an_app_to_exactly_whom_its_rule_names(scene: Scene, app_label: str) -> None:
    rule = APP_LISTS[app_label]
    visit = Visit(scene, "GET", f"{app_label}/", rule)

    assert visit.is_refused(None)
    assert visit.is_refused(with_permissions("stranger", ()))
    user = administrator() if rule.permissions == () else with_permissions("ada", rule.permissions)
    assert not visit.is_refused(user)
