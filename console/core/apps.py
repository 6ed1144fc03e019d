"""The core app: no models, only what the others share."""

from django.apps import AppConfig

from console.core.checks import register_checks


class CoreConfig(AppConfig):
    """Registers the system checks of the settings."""

    name = "console.core"
    label = "core"
    verbose_name = "Core"

    def ready(self) -> None:
        """Look at the settings at every start."""
        register_checks()
