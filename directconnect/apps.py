from django.apps import AppConfig


class DirectConnectConfig(AppConfig):
    """Live sessions."""

    name = "directconnect"
    label = "directconnect"
    verbose_name = "Direct Connect"
