"""Every route of the OpenAPI document, called with generated input by an administrator.

Whatever is sent is answered or refused; a failure of the console's own is neither. The input comes
from the document, as it says and as it forbids; what addresses name is there, so that the input
gets as far as it can.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final

import hypothesis
import pytest
import schemathesis
from drf_spectacular.generators import SchemaGenerator
from schemathesis import GenerationMode
from schemathesis.core import NOT_SET

from tests.permissions.registered import address_of
from tests.permissions.rule import Rule
from tests.permissions.rules import api_rules
from tests.permissions.scene import Scene, administrator, client_of, rolled_back

pytestmark = pytest.mark.django_db

EXAMPLES: Final = 5
# What says that the input was not the reason: no endpoint or no Redis answers.
UNAVAILABLE: Final = 503
# The document itself and its page, and what is no address.
UNDOCUMENTED: Final = {"api/v1/", "api/v1/schema/", "api/v1/docs/"}
ROUTES: Final = [
    pytest.param(method, pattern, rule, id=f"{method} {pattern}")
    for method, pattern, rule in api_rules()
    if pattern not in UNDOCUMENTED
]
Document = dict[tuple[str, str], Any]


@pytest.fixture(scope="module")
def document() -> Document:
    """Return its operations, by method and by address with `*` for each parameter."""
    generator: Any = SchemaGenerator
    content = generator().get_schema(request=None, public=True)
    found: Any = schemathesis.openapi.from_dict(json.loads(json.dumps(content, default=str)))
    operations = [result.ok() for result in found.get_all_operations()]
    return {
        (operation.method.upper(), re.sub(r"\{[^}]*\}", "*", operation.path)): operation
        for operation in operations
    }


def inputs_of(operation: Any) -> Any:
    """Return input that the document allows, and input that it forbids where it forbids any."""
    allowed = operation.as_strategy(generation_mode=GenerationMode.POSITIVE)
    if operation.query or operation.body:
        return allowed | operation.as_strategy(generation_mode=GenerationMode.NEGATIVE)
    return allowed


def body_of(case: Any) -> bytes:
    """Spell a body; where bytes were generated that JSON cannot hold, as well as it can."""
    if case.body is NOT_SET:
        return b""
    if isinstance(case.body, bytes):
        return case.body
    return json.dumps(case.body, default=repr).encode()


def call(client: Any, method: str, address: str, case: Any) -> Any:
    """Send one input to an address of what there is."""
    return client.generic(
        method,
        address,
        body_of(case),
        content_type="application/json",
        query_params={str(name): value for name, value in (case.query or {}).items()},
        secure=True,
    )


@pytest.mark.parametrize(("method", "pattern", "rule"), ROUTES)
def test_is_answered_or_refused(
    scene: Scene, document: Document, method: str, pattern: str, rule: Rule
) -> None:
    address = address_of(pattern, *(scene.things[name] for name in rule.values))
    operation = document[method, address_of(pattern, *("*" for _ in rule.values))]
    client = client_of(administrator(), api=True)

    @hypothesis.settings(
        max_examples=EXAMPLES,
        # A failure is found by everybody or by nobody.
        derandomize=True,
        database=None,
        # The smallest input that fails takes long to find, and the first one says enough.
        phases=[hypothesis.Phase.generate],
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    @hypothesis.given(case=inputs_of(operation))
    def try_it(case: Any) -> None:
        with rolled_back():
            answer = call(client, method, address, case)
            assert answer.status_code < 500 or answer.status_code == UNAVAILABLE

    try_it()


def test_every_route_stands_in_the_document(document: Document) -> None:
    routes = {
        (method, address_of(pattern, *("*" for _ in rule.values)))
        for method, pattern, rule in api_rules()
        if pattern not in UNDOCUMENTED
    }

    assert routes == set(document) - {("GET", "/api/v1/schema/")}
