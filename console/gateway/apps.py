from django.apps import AppConfig


class GatewayConfig(AppConfig):
    """The always-on channel to endpoints."""

    name = "console.gateway"
    label = "gateway"
    verbose_name = "Gateway"
