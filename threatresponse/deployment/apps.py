from django.apps import AppConfig
from django.utils.module_loading import import_string

from console.endpoints.hooks import endpoint_enrolled
from console.modules import Module, register_module


class DeploymentConfig(AppConfig):
    """Intel on its way to endpoints."""

    name = "threatresponse.deployment"
    label = "deployment"
    verbose_name = "Deployment"

    def ready(self) -> None:
        """Join the console. By name: services need models, which exist only from here on."""
        register_module(
            Module(
                name="deployment",
                api_urls="threatresponse.deployment.api.urls",
                home="threatresponse.deployment.home.home_part",
            )
        )
        endpoint_enrolled.connect(
            import_string("threatresponse.deployment.hooks.send_intel_to_newcomer"),
            dispatch_uid="deployment.send_intel_to_newcomer",
        )
