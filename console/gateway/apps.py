from importlib import import_module

from django.apps import AppConfig

from console.endpoints.hooks import endpoint_revoked


class GatewayConfig(AppConfig):
    """The always-on channel to endpoints."""

    name = "console.gateway"
    label = "gateway"
    verbose_name = "Gateway"

    def ready(self) -> None:
        """Hear of revoked endpoints."""
        # By name: services need models, and those are not there when this file is read.
        hooks = import_module("console.gateway.hooks")
        endpoint_revoked.connect(hooks.cut_off_revoked, dispatch_uid="gateway.cut_off_revoked")
