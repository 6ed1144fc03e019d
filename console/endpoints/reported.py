"""Make what an endpoint says of itself fit to store.

Its texts go into columns of limited length, its numbers into columns of limited range, and one
value that the database refuses would fail a batch of thousands of others' reports.
"""

from __future__ import annotations

import math
from typing import Any, Final

import msgspec

from console.core.storable import REPLACEMENT, storable_text
from console.endpoints.models import Endpoint
from protocol.messages import Hello, Platform, StatusReport

ADDRESSES_KEPT: Final = 64
CAPABILITIES_KEPT: Final = 256
_LARGEST_INTEGER: Final = 2**63 - 1
_ITEMS_KEPT: Final = 1000
_TEXT_KEPT: Final = 4096


def platform_fields(platform: Platform) -> dict[str, Any]:
    """Return the columns of `Endpoint` that a platform fills; unknown systems count as Linux.

    Raises nothing: what does not fit is cut.
    """
    return {
        "host_name": plain_text(platform.host_name, 255) or "unnamed",
        "os": platform.os if platform.os in Endpoint.OperatingSystem.values else "linux",
        "os_name": plain_text(platform.os_name, 128),
        "os_version": plain_text(platform.os_version, 128),
        "kernel": plain_text(platform.kernel, 128),
        "architecture": plain_text(platform.architecture, 32),
        "machine_id": plain_text(platform.machine_id, 64),
        "addresses": [plain_text(text, 64) for text in platform.addresses[:ADDRESSES_KEPT]],
    }


def hello_fields(hello: Hello) -> dict[str, Any]:
    """Return the columns of `Endpoint` that a Hello fills."""
    return {
        **platform_fields(hello.platform),
        "agent_version": plain_text(hello.agent_version, 32),
        "boot_id": plain_text(hello.boot_id, 64),
        "capabilities": [plain_text(text, 64) for text in hello.capabilities[:CAPABILITIES_KEPT]],
        "intel_revision": counted(hello.intel_revision),
    }


def status_fields(report: StatusReport) -> dict[str, Any]:
    """Return the columns of `Endpoint` that a status report fills."""
    fields = {
        name: _storable(value)
        for name, value in msgspec.to_builtins(report).items()
        if name != report.__struct_config__.tag_field
    }
    return {"status": fields, "intel_revision": counted(report.intel_revision)}


def plain_text(text: str, length: int) -> str:
    """Cut a name or a version to `length` characters; none of them moves a terminal's cursor."""
    return "".join(
        character if character.isprintable() else REPLACEMENT for character in text[:length]
    )


def counted(number: int) -> int:
    """Bring a number into the range of a column that counts."""
    return min(max(number, 0), _LARGEST_INTEGER)


def _storable(value: Any) -> Any:
    if isinstance(value, str):
        return storable_text(value, _TEXT_KEPT)
    if isinstance(value, float):
        # JSON knows no infinity and no NaN.
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        kept = list(value.items())[:_ITEMS_KEPT]
        return {storable_text(str(name), _TEXT_KEPT): _storable(item) for name, item in kept}
    if isinstance(value, (list, tuple)):
        return [_storable(item) for item in value[:_ITEMS_KEPT]]
    return value
