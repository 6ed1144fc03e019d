from django.apps import AppConfig
from django.utils.module_loading import import_string


class AccessConfig(AppConfig):
    """Users, roles and grants."""

    name = "console.access"
    label = "access"
    verbose_name = "Access"

    def ready(self) -> None:
        """Listen to logins. By name: the hooks need models, which exist only from here on."""
        import_string("console.access.hooks.subscribe")()
