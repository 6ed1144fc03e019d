from django.apps import AppConfig

from console.modules import MenuEntry, Module, register_module
from threatresponse.permissions import PERMISSIONS
from threatresponse.roles import CONTENT_SETS, ROLES


class IntelConfig(AppConfig):
    """Rules and what they are made of."""

    name = "threatresponse.intel"
    label = "intel"
    verbose_name = "Intel"

    def ready(self) -> None:
        """Join the console."""
        register_module(
            Module(
                name="intel",
                menu=(
                    MenuEntry(
                        group="Threat Response",
                        title="Intel",
                        icon="policy",
                        url_name="admin:intel_inteldocument_changelist",
                        permission="intel.view_inteldocument",
                        order=20,
                    ),
                ),
                api_urls="threatresponse.intel.api.urls",
                # Of all of Threat Response: every other app of it stands on this one.
                permissions=PERMISSIONS,
                roles=ROLES,
                content_sets=CONTENT_SETS,
            )
        )
