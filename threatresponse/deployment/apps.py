from django.apps import AppConfig


class DeploymentConfig(AppConfig):
    """Intel on its way to endpoints."""

    name = "threatresponse.deployment"
    label = "deployment"
    verbose_name = "Deployment"
