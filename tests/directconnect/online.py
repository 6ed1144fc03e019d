"""Make endpoints online without a gateway, as a gateway would."""

from __future__ import annotations

import redis

from console.endpoints.models import Endpoint
from console.endpoints.presence import queue_heard


def hear(client: redis.Redis, *endpoints: Endpoint, at: float) -> None:
    """Write that these endpoints were heard at this instant (epoch seconds)."""
    with client.pipeline() as pipeline:
        queue_heard(pipeline, {endpoint.pk: at for endpoint in endpoints}, gateway="g1")
        pipeline.execute()
