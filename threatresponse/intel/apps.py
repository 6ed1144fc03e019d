from django.apps import AppConfig


class IntelConfig(AppConfig):
    """Rules and what they are made of."""

    name = "threatresponse.intel"
    label = "intel"
    verbose_name = "Intel"
