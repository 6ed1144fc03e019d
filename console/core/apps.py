"""The core app: no models, only what the others share."""

from django.apps import AppConfig


class CoreConfig(AppConfig):
    """Registers the system checks of the settings."""

    name = "console.core"
    label = "core"
    verbose_name = "Core"
