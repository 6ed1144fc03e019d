from django.apps import AppConfig
from django.db.models.signals import post_migrate
from django.utils.module_loading import import_string

from console.modules import MenuEntry, Module, register_module


class EndpointsConfig(AppConfig):
    """The computers that this console looks after."""

    name = "console.endpoints"
    label = "endpoints"
    verbose_name = "Endpoints"

    def ready(self) -> None:
        """Join the console. By name: seeding needs models, which exist only from here on."""
        register_module(
            Module(
                name="endpoints",
                menu=(
                    MenuEntry(
                        group="Endpoints",
                        title="Groups",
                        icon="workspaces",
                        url_name="admin:endpoints_computergroup_changelist",
                        permission="endpoints.view_computergroup",
                        order=12,
                    ),
                    MenuEntry(
                        group="Endpoints",
                        title="Labels",
                        icon="label",
                        url_name="admin:endpoints_label_changelist",
                        permission="endpoints.view_label",
                        order=14,
                    ),
                ),
                page_urls="console.endpoints.urls",
                home="console.endpoints.home.home_part",
            )
        )
        import_string("console.access.reach_notes.register")(
            import_string("console.access.reach_notes.ReachProvider")(
                notes=import_string("console.endpoints.reach_pages.notes_of_roles"),
                pane=import_string("console.endpoints.reach_pages.pane_of_role"),
            )
        )
        import_string("console.certificates.visibility.narrow_by")(
            import_string("console.endpoints.reach.certificates_reached_by")
        )
        post_migrate.connect(
            import_string("console.endpoints.seeding.seed_groups"),
            sender=self,
            dispatch_uid="endpoints.seed_groups",
        )
