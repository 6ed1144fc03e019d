from django.apps import AppConfig


class AlertsConfig(AppConfig):
    """What rules found."""

    name = "threatresponse.alerts"
    label = "alerts"
    verbose_name = "Alerts"
