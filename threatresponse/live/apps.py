from django.apps import AppConfig

from console.modules import EndpointOperation, MenuEntry, Module, register_module


class LiveConfig(AppConfig):
    """The live window onto one endpoint."""

    name = "threatresponse.live"
    label = "live"
    verbose_name = "Live"

    def ready(self) -> None:
        """Join the console."""
        register_module(
            Module(
                name="live",
                menu=(
                    MenuEntry(
                        group="Threat Response",
                        title="Live endpoints",
                        icon="sensors",
                        url_name="live-sessions",
                        permission="directconnect.open_session",
                        order=30,
                    ),
                ),
                page_urls="threatresponse.live.urls",
                home="threatresponse.live.home.home_part",
                endpoint_operations=(
                    EndpointOperation(
                        title="Open live session",
                        icon="sensors",
                        url_name="live-open",
                        permission="directconnect.open_session",
                    ),
                ),
            )
        )
