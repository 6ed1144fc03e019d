"""Users' own sensors: their scripts, signed when they were saved and verified before they are sent.

Somebody who can write to the database, and no more, must not make endpoints run scripts: what is
sent is what a user saved, under the console's key, in a domain that no instruction has.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from console.certificates.signing import is_ours, sign_content
from console.questions.exceptions import ScriptNotOurs
from console.questions.models import Sensor, SensorVersion
from protocol.questions import Script

DOMAIN: Final = b"vedette sensor v1\x00"


def signature_of(sensor: Sensor, version: SensorVersion) -> bytes:
    """Sign all that decides what a script does. Raises `AuthorityMissing`."""
    return sign_content(_signed_part(sensor, version), domain=DOMAIN)


def script_of(sensor: Sensor) -> Script:
    """Return the newest script of a user's own sensor. Raises `ScriptNotOurs`."""
    version = sensor.versions.order_by("-number").first()
    if version is None:
        raise ScriptNotOurs(f"The sensor {sensor.name} has no script.")
    if not is_ours(_signed_part(sensor, version), bytes(version.signature), domain=DOMAIN):
        raise ScriptNotOurs(
            f"Version {version.number} of the sensor {sensor.name} was changed after it was saved: "
            "save it again."
        )
    return as_script(sensor, version)


def as_script(sensor: Sensor, version: SensorVersion) -> Script:
    """Write a version as it goes to endpoints."""
    return Script(
        language=sensor.language,
        text=version.script,
        columns=len(sensor.columns),
        separator=version.separator,
        timeout=sensor.timeout,
        output_limit=version.output_limit,
        column_names=[column["name"] for column in sensor.columns],
        column_types=[column["type"] for column in sensor.columns],
    )


def _signed_part(sensor: Sensor, version: SensorVersion) -> bytes:
    content: dict[str, Any] = {
        "key": sensor.key,
        "number": version.number,
        "script": msgspec.to_builtins(as_script(sensor, version)),
    }
    return msgspec.msgpack.encode(content)
