"""What this app refuses.

DeploymentError
├── NotDeployed             409  there is nothing to withdraw
├── DeploymentsCollided     409  somebody else deployed at the same moment: try again
└── IntelTooLarge           409  the whole of the deployed rules does not fit into one message
"""

from __future__ import annotations

from console.core.exceptions import Conflict, VedetteError


class DeploymentError(VedetteError):
    """The base of this app's refusals."""


class NotDeployed(DeploymentError, Conflict):
    """The document is not deployed."""


class DeploymentsCollided(DeploymentError, Conflict):
    """Somebody else published at the same moment; nothing was changed."""


class IntelTooLarge(DeploymentError, Conflict):
    """The deployed rules together are more than an endpoint takes in one message."""
