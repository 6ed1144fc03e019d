from django.apps import AppConfig


class AccessConfig(AppConfig):
    """Users, roles and grants."""

    name = "console.access"
    label = "access"
    verbose_name = "Access"
