from django.apps import AppConfig
from django.utils.module_loading import import_string

from console.endpoints.hooks import endpoint_revoked
from console.modules import Module, register_module
from directconnect.permissions import CONTENT_SETS, PERMISSIONS, ROLES


class DirectConnectConfig(AppConfig):
    """Live sessions."""

    name = "directconnect"
    label = "directconnect"
    verbose_name = "Direct Connect"

    def ready(self) -> None:
        """Join the console. By name: services need models, which exist only from here on."""
        register_module(
            Module(
                name="directconnect",
                api_urls="directconnect.api.urls",
                websocket_routes="directconnect.websocket_urls.routes",
                permissions=PERMISSIONS,
                roles=ROLES,
                content_sets=CONTENT_SETS,
            )
        )
        endpoint_revoked.connect(
            import_string("directconnect.hooks.close_sessions_of_revoked"),
            dispatch_uid="directconnect.close_sessions_of_revoked",
        )
