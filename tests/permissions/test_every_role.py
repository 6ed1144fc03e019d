"""Every address with every seeded role, within its reach and out of it.

A role reaches one of two endpoints and may use one of two content sets. Within reach it is let in
exactly where its permissions say. What belongs to the other endpoint or content set is, in every
answer, as what does not exist: the same status, the same words; and none of its names stands in any
list, count, suggestion or error.
"""

from __future__ import annotations

import re
from typing import Any, Final

import pytest

from console.endpoints.models import ComputerGroup
from directconnect.models import Session
from tests.permissions.holders import Holder
from tests.permissions.rule import Rule
from tests.permissions.rules import api_rules, page_rules
from tests.permissions.scene import Scene, administrator, client_of, rolled_back
from tests.permissions.visits import Visit, is_refusal, levelled, text_of

pytestmark = pytest.mark.django_db

TABLE: Final = [
    (method, pattern, rule)
    for method, pattern, rule in (*api_rules(), *page_rules())
    if rule.access not in {"public", "nobody"}
]
# These end the login, or the tokens, of the one whom the following visits need.
ENDS_LOGIN: Final = {
    "logout/",
    "api/v1/auth/logout/",
    "api/v1/auth/logout-all/",
    "password_change/",
}


@pytest.fixture
def stage(holders: list[Holder], scene: Scene) -> Scene:
    """Return the scene with the holders of all roles on it."""
    return scene


class TestRoles:
    def test_are_those_that_the_catalogue_seeds(self, holders: list[Holder]) -> None:
        assert len(holders) >= 10
        assert all(holder.user.groups.get().pk == holder.role.pk for holder in holders)

    def test_of_administrators_reach_everything(self, scene: Scene) -> None:
        answer = client_of(administrator(), api=True).get("/api/v1/endpoints/", secure=True)

        assert scene.far["endpoint"] in text_of(answer)


@pytest.mark.parametrize(
    ("method", "pattern", "rule"),
    TABLE,
    ids=[f"{method}-{pattern or 'home'}" for method, pattern, _ in TABLE],
)
def test_is_for_the_roles_that_may_and_tells_nothing_of_what_is_out_of_reach(
    stage: Scene, holders: list[Holder], method: str, pattern: str, rule: Rule
) -> None:
    near = Visit(stage, method, pattern, rule)
    far = Visit(stage, method, pattern, rule, stage.far)
    missing = Visit(stage, method, pattern, rule, stage.missing)
    asks_for_one = _names_something_of_an_endpoint(rule, stage)
    for holder in holders:
        answer = _answer(near, holder, method, pattern)
        granted = holder.may(rule) and not rule.everywhere
        assert is_refusal(answer) is not granted, f"{holder.role}: {answer.status_code}"
        if not rule.is_global:
            assert _secrets_in(answer, stage) == [], str(holder.role)
        if asks_for_one:
            of_far, of_missing = (
                _answer(visit, holder, method, pattern) for visit in (far, missing)
            )
            assert of_far.status_code == of_missing.status_code, str(holder.role)
            assert levelled(of_far, stage.far) == levelled(of_missing, stage.missing)


def _answer(visit: Visit, holder: Holder, method: str, pattern: str) -> Any:
    # What one page has to say of what was asked for stands on the next one.
    holder.page.cookies.pop("messages", None)
    if method == "GET" and "session" not in pattern and "group" not in pattern:
        return visit.answer_to(holder.api if visit.is_api else holder.page)
    with rolled_back():
        Session.objects.update(opened_by=holder.user)
        # A group that no role reaches is known to its maker only.
        ComputerGroup.objects.filter(name="near made").update(created_by=holder.user)
        if pattern in ENDS_LOGIN:
            return visit.answer_to(client_of(holder.user, api=visit.is_api))
        return visit.answer_to(holder.api if visit.is_api else holder.page)


def _names_something_of_an_endpoint(rule: Rule, scene: Scene) -> bool:
    sent = re.findall(r"\$(\w+)", str(rule.sends))
    return not scene.far.keys().isdisjoint((*rule.values, *sent))


def _secrets_in(answer: Any, scene: Scene) -> list[str]:
    text = text_of(answer)
    return [secret for secret in scene.secrets if secret in text]
