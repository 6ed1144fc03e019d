from django.apps import AppConfig

from console.modules import Module, register_module


class EndpointsConfig(AppConfig):
    """The computers that this console looks after."""

    name = "console.endpoints"
    label = "endpoints"
    verbose_name = "Endpoints"

    def ready(self) -> None:
        """Take part in the home page."""
        register_module(Module(name="endpoints", home="console.endpoints.home.home_part"))
