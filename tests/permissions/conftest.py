"""One scene for all tests of a module: each test undoes what it changed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import redis
from django.conf import settings

from tests.permissions.holders import Holder, holders_of_all_roles
from tests.permissions.scene import Scene, make_scene, rolled_back


@pytest.fixture(scope="module")
def module_scene(
    django_db_setup: None, django_db_blocker: Any, valkey: redis.Redis
) -> Iterator[Scene]:
    """Make the scene in a transaction that nobody commits.

    Its tests are marked `django_db`: the mark undoes what each of them changes.
    """
    valkey.flushdb()
    with django_db_blocker.unblock(), rolled_back():
        yield make_scene()


@pytest.fixture
def scene(module_scene: Scene, db: None, valkey: redis.Redis) -> Scene:
    """Play on the module's scene; what is changed on it is undone."""
    # Rates count there, and nothing of one test may count against another.
    valkey.flushdb()
    settings.STATIC_ROOT.mkdir(parents=True, exist_ok=True)
    return module_scene


@pytest.fixture(scope="module")
def holders(module_scene: Scene) -> Iterator[list[Holder]]:
    """Give each seeded role, the administrator's apart, to somebody."""
    with rolled_back():
        yield holders_of_all_roles(module_scene)
