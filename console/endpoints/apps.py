from django.apps import AppConfig


class EndpointsConfig(AppConfig):
    """The computers that this console looks after."""

    name = "console.endpoints"
    label = "endpoints"
    verbose_name = "Endpoints"
