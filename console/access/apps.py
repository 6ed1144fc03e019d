from django.apps import AppConfig
from django.db.models.signals import post_migrate
from django.utils.module_loading import import_string

from console.modules import MenuEntry, Module, register_module


class AccessConfig(AppConfig):
    """Users, roles and grants."""

    name = "console.access"
    label = "access"
    verbose_name = "Access"

    def ready(self) -> None:
        """Listen to logins, and seed. By name: both need models, which exist only from here on."""
        import_string("console.access.hooks.subscribe")()
        register_module(
            Module(
                name="access",
                menu=(
                    MenuEntry(
                        group="Administration",
                        title="Roles",
                        icon="badge",
                        url_name="admin:access_role_changelist",
                        # No role gives it: administrators have every permission there is.
                        permission="access.change_role",
                        order=15,
                    ),
                ),
            )
        )
        post_migrate.connect(
            import_string("console.access.seeding.seed_after_migration"),
            sender=self,
            dispatch_uid="access.seed_after_migration",
        )
