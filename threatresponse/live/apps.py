from django.apps import AppConfig


class LiveConfig(AppConfig):
    """The live window onto one endpoint."""

    name = "threatresponse.live"
    label = "live"
    verbose_name = "Live"
