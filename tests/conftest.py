"""What every test may ask for: the shared public data, and root where root is needed."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import tempfile
from collections.abc import Generator, Iterator
from pathlib import Path

import django.db.models
import hypothesis
import pytest
import redis
from django.conf import settings
from django.db.models import expressions

from tests.valkey import ValkeyServer

REPOSITORY = Path(__file__).resolve().parent.parent
IN_CI = bool(os.environ.get("CI"))
MACHINE_LOCK = Path(tempfile.gettempdir()) / "vedette-tests-machine.lock"
LOOPBACK = ("127.0.0.0/8", "::1", "localhost")
# In which tests that may make network namespaces give them addresses (tests/e2e/network.py).
HOSTS_NETWORK = "10.77.0.0/16"
# How fast examples are made depends on what else the machine does.
hypothesis.settings.register_profile(
    "vedette", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("vedette")

# pytest-randomly imports model-bakery before there are settings. That import fails halfway and
# leaves Django's package of models without the submodule that generated migrations name.
vars(django.db.models).setdefault("expressions", expressions)

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Return the folder of public rules and logs; skip with the reason where there is none."""
    folder = Path(os.environ.get("VEDETTE_TEST_DATA", REPOSITORY.parent / "shared" / "data"))
    if folder.is_dir():
        return folder
    reason = f"public test data is not at {folder}: set VEDETTE_TEST_DATA"
    if IN_CI:
        pytest.fail(reason)
    pytest.skip(reason)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip tests that need root, or Chromium, where there is none; in CI they must run."""
    for item in items:
        if item.get_closest_marker("root"):
            item.add_marker(pytest.mark.allow_hosts([*LOOPBACK, HOSTS_NETWORK]))
    if IN_CI:
        return
    missing = {}
    if os.geteuid() != 0:
        missing["root"] = pytest.mark.skip(reason="needs root: run ./vedette test as root")
    if shutil.which("chromium") is None:
        missing["browser"] = pytest.mark.skip(reason="needs chromium: install it")
    for item in items:
        for name, skip in missing.items():
            if item.get_closest_marker(name):
                item.add_marker(skip)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Run tests that need root one at a time, whichever worker they are in.

    The machine has one audit system, and recorders that would tell each other's tests. First of
    all wrappers, so that waiting for one's turn does not count against the test's time limit.
    """
    if item.get_closest_marker("root") is None:
        return (yield)
    with MACHINE_LOCK.open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return (yield)


@pytest.fixture(scope="session")
def valkey() -> Iterator[redis.Redis]:
    """Start a real Valkey where the settings expect it; yield a client of it (bytes).

    Its content lives as long as the session: a test that cares begins with `valkey.flushdb()`.
    """
    server = ValkeyServer(settings.VALKEY_SOCKET)
    server.start()
    client = server.client()
    yield client
    client.close()
    server.stop()


def pytest_make_parametrize_id(val: object) -> str | None:
    """Name a random UUID `uuid`: workers that collect the same tests must agree on their names."""
    return _UUID.sub("uuid", val) if isinstance(val, str) and _UUID.search(val) else None
