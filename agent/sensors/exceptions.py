"""What a sensor refuses.

AgentError
├── SensorFailed             no rows, and why
│   └── SensorUnavailable    this computer lacks what the sensor reads
└── WorkerAbandoned          the agent that asked is gone
"""

from __future__ import annotations

from agent.exceptions import AgentError


class SensorFailed(AgentError):
    """A sensor gives no rows; the text is one sentence for the analyst."""


class SensorUnavailable(SensorFailed):
    """What the sensor reads does not exist here: no systemd, no package manager, no such OS."""


class WorkerAbandoned(AgentError):
    """The agent that a worker works for has gone away: there is nobody to answer."""
